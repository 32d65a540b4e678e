import type { RemoteShell } from '../../../connections/ssh/remote-shell.ts';
import { Failure } from '../../../errors.ts';

/** What a legacy host has of what we run there. */
export interface HostTools {
  dump: string;
  client: string;
  flavour: 'mariadb' | 'mysql';
  /** In the order of `auto`. */
  compressors: ('zstd' | 'pigz' | 'gzip')[];
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
  compressors: ['zstd', 'pigz', 'gzip'],
} as const;

const PROBE = `
for tool in ${Object.values(CANDIDATES).flat().join(' ')}; do
  command -v "$tool" >/dev/null && echo "$tool"
done
for dump in ${CANDIDATES.dump.join(' ')}; do
  command -v "$dump" >/dev/null && { echo "version $("$dump" --version)"; break; }
done
exit 0
`;

/** Errors: LegacyToolMissing, which names everything that lacks; SshConnectionLost. */
export async function probeHost(shell: RemoteShell, serverId: string, signal?: AbortSignal): Promise<HostTools> {
  const { stdout } = await shell.run(PROBE, { timeoutMs: 30_000, signal });
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
  const version = lines.find((line) => line.startsWith('version ')) ?? '';
  return {
    dump,
    client,
    flavour: /mariadb/i.test(version) ? 'mariadb' : 'mysql',
    compressors: CANDIDATES.compressors.filter(has),
  };
}
