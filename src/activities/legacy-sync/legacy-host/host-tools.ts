import type { RemoteShell } from '../../../connections/ssh/remote-shell.ts';
import { Failure } from '../../../errors.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import { isTimeZone } from '../../../settings/time-zone.ts';
import { type OptionsSet, refuseOptions } from './option-files.ts';

/** What a legacy host has of what we run there. */
export interface HostTools {
  dump: string;
  client: string;
  flavour: 'mariadb' | 'mysql';
  compressors: ('zstd' | 'pigz' | 'gzip' | 'lz4')[];
  /** The host's own time zone, an IANA name; null where it does not say. */
  timeZone: string | null;
  /** null where the host does not say. */
  cores: number | null;
}

const CANDIDATES = {
  dump: ['mariadb-dump', 'mysqldump'],
  client: ['mariadb', 'mysql'],
  needed: [
    'sha256sum',
    'setsid',
    'timeout',
    'head',
    'df',
    'find',
    'mv',
    'rm',
    'mkdir',
    'mkfifo',
    'sleep',
    'wc',
    'grep',
  ],
  compressors: ['zstd', 'pigz', 'gzip', 'lz4'],
} as const;

const PROBE = `
for tool in ${Object.values(CANDIDATES).flat().join(' ')}; do
  command -v "$tool" >/dev/null && echo "$tool"
done
for dump in ${CANDIDATES.dump.join(' ')}; do
  command -v "$dump" >/dev/null && { echo "version $("$dump" --version)"; break; }
done
for zone in "$(cat /etc/timezone 2>/dev/null)" "$(readlink -f /etc/localtime 2>/dev/null)"; do
  [ -z "$zone" ] || echo "zone \${zone#*/zoneinfo/}"
done
[ ! -r /proc/cpuinfo ] || echo "cores $(grep -c '^processor' </proc/cpuinfo)"
exit 0
`;

/** The names of options that the login's own option files set for both tools; their values, of which one is a password, stay there. */
const OPTIONS = (['dump', 'client'] as const)
  .map(
    (program) => `
for tool in ${CANDIDATES[program].join(' ')}; do
  command -v "$tool" >/dev/null || continue
  "$tool" --print-defaults 2>/dev/null | tr ' ' '\\n' | while IFS= read -r word; do
    case $word in --*) word=\${word#--}; echo "option ${program} \${word%%=*}";; esac
  done
  break
done
`,
  )
  .join('');

function optionsOf(lines: string[]): OptionsSet {
  const namesOf = (program: keyof OptionsSet): string[] =>
    lines.flatMap((line) => new RegExp(String.raw`^option ${program} (\S+)$`).exec(line)?.[1] ?? []);
  return { dump: namesOf('dump'), client: namesOf('client') };
}

function coresOf(lines: string[]): number | null {
  const cores = Number(lines.flatMap((line) => /^cores (\d+)$/.exec(line)?.[1] ?? [])[0] ?? 0);
  return cores > 0 ? cores : null;
}

/** Errors: LegacyToolMissing, which names everything that lacks; InvalidConfiguration, which names options of the login's; SshConnectionLost. */
export async function probeHost(shell: RemoteShell, server: LegacyServer, signal?: AbortSignal): Promise<HostTools> {
  const { id: serverId, mysqlPasswordRef } = server;
  const { stdout } = await shell.run(`${mysqlPasswordRef === null ? OPTIONS : ''}${PROBE}`, {
    timeoutMs: 30_000,
    signal,
  });
  const lines = stdout.split('\n');
  const has = (tool: string) => lines.includes(tool);
  const dump = CANDIDATES.dump.find(has);
  const client = CANDIDATES.client.find(has);
  const missing: string[] = CANDIDATES.needed.filter((tool) => !has(tool));
  if (dump === undefined) missing.push(CANDIDATES.dump.join(' or '));
  if (client === undefined) missing.push(CANDIDATES.client.join(' or '));
  if (dump === undefined || client === undefined || missing.length > 0) {
    throw new Failure(
      'LegacyToolMissing',
      `${serverId} lacks ${missing.join(', ')}. Install it there (packages mariadb-client, coreutils, util-linux, findutils) or put it on the PATH of a non-interactive login.`,
    );
  }
  refuseOptions(server, optionsOf(lines));
  const version = lines.find((line) => line.startsWith('version ')) ?? '';
  return {
    dump,
    client,
    flavour: /mariadb/i.test(version) ? 'mariadb' : 'mysql',
    compressors: CANDIDATES.compressors.filter(has),
    timeZone: lines.flatMap((line) => /^zone (\S+)$/.exec(line)?.[1] ?? []).find(isTimeZone) ?? null,
    cores: coresOf(lines),
  };
}
