import type { RemoteShell } from '../../../connections/ssh/remote-shell.ts';
import { Failure } from '../../../errors.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import { endOthers } from './claim-dir.ts';
import { assertRemoteDir, isRemoteDir, remoteBase, type RemoteDir, workTag } from './remote-path.ts';

export interface RemoteDirEntry extends RemoteDir {
  /** Since the last change to any file in it, by the legacy host's clock. */
  ageMs: number;
  bytes: number;
}

const TIMEOUT_MS = 60_000;

/**
 * Ends the processes of this vehicle and run on the legacy host and removes their files. A second call changes nothing. A first one that
 * was cut, because its session ended, may have left the vehicle's empty directory.
 */
export async function removeRemoteDir(
  shell: RemoteShell,
  { server, dir }: { server: LegacyServer; dir: RemoteDir },
  signal?: AbortSignal,
): Promise<void> {
  assertRemoteDir(dir);
  const script = `
# cleanup of ${dir.runId}
base=${remoteBase(server)}
[ -d "$base" ] || exit 0
cd -P -- "$base" || exit 1
for d in ${dir.vehicleId} ${dir.vehicleId}/${dir.runId}; do
  [ ! -L "$d" ] || { echo "link $d"; exit 20; }
done
${endOthers(dir)}
if [ -d ${dir.vehicleId}/${dir.runId} ]; then
  ( cd -P ${dir.vehicleId}/${dir.runId} && end_others ) || exit 21
  rm -rf -- ${dir.vehicleId}/${dir.runId} || exit 1
fi
rmdir -- ${dir.vehicleId} 2>/dev/null
exit 0
`;
  const { code } = await shell.run(script, { timeoutMs: TIMEOUT_MS, signal });
  if (code !== 0) throw cleanupFailure(server, dir, code);
}

/** Removes one dump and its manifest, when the rows are in PostgreSQL. */
export async function removeRemoteFile(
  shell: RemoteShell,
  { server, dir, files }: { server: LegacyServer; dir: RemoteDir; files: string[] },
  signal?: AbortSignal,
): Promise<void> {
  assertRemoteDir(dir);
  if (!files.every((file) => /^[0-9][0-9a-z.-]*$/.test(file))) throw new TypeError('Not a file name of ours.');
  const script = `
base=${remoteBase(server)}
cd -P -- "$base"/${dir.vehicleId}/${dir.runId} 2>/dev/null || exit 0
rm -f -- ${files.join(' ')}
`;
  const { code } = await shell.run(script, { timeoutMs: TIMEOUT_MS, signal });
  if (code !== 0) throw cleanupFailure(server, dir, code);
}

/**
 * Lists our directories at this host, of all runs, for the janitor. Directories with other names are not listed. busybox's find has no
 * -printf; a file that went away between find and stat is none of ours any more.
 */
export async function listRemoteDirs(
  shell: RemoteShell,
  server: LegacyServer,
  signal?: AbortSignal,
): Promise<RemoteDirEntry[]> {
  const script = `
base=${remoteBase(server)}
[ -d "$base" ] || exit 0
cd -P -- "$base" || exit 1
echo "now $(date +%s)"
find . -mindepth 2 -maxdepth 3 ! -type l -exec sh -c 'stat -c "%Y %f %s %n" "$@" 2>/dev/null; :' sh {} +
`;
  const { code, stdout } = await shell.run(script, { timeoutMs: TIMEOUT_MS, signal });
  if (code !== 0) {
    throw new Failure(
      'LegacyQueryFailed',
      `Listing ${server.remoteDirectory} on ${server.id} ended with code ${code}. Check that ${server.user} may read it.`,
    );
  }
  return entries(stdout);
}

function entries(stdout: string): RemoteDirEntry[] {
  const found = new Map<string, RemoteDirEntry>();
  let now = 0;
  for (const line of stdout.split('\n')) {
    const [changed = '', mode = '', size = '', ...words] = line.split(' ');
    if (changed === 'now') now = Number(mode) * 1000;
    const [, vehicleId = '', runId = ''] = words.join(' ').split('/');
    if (!isRemoteDir({ vehicleId, runId })) continue;
    const entry = found.get(`${vehicleId}/${runId}`) ?? { vehicleId, runId, ageMs: Number.POSITIVE_INFINITY, bytes: 0 };
    entry.ageMs = Math.max(0, Math.min(entry.ageMs, now - Number(changed) * 1000));
    entry.bytes += isFile(mode) ? Number(size) : 0;
    found.set(`${vehicleId}/${runId}`, entry);
  }
  return [...found.values()];
}

/** By st_mode in hex, as stat prints it. */
const isFile = (mode: string): boolean => (Number.parseInt(mode, 16) & 0o170000) === 0o100000;

function cleanupFailure(server: LegacyServer, dir: RemoteDir, code: number): Failure {
  const found =
    code === 20
      ? 'a symbolic link where our directory should be; nothing was removed'
      : code === 21
        ? 'processes of an earlier attempt that would not end'
        : `exit code ${code}`;
  return new Failure(
    'LegacyQueryFailed',
    `Removing ${dir.vehicleId}/${dir.runId} below ${server.remoteDirectory} on ${server.id}: ${found}. Look at it there (${workTag(dir)}).`,
  );
}
