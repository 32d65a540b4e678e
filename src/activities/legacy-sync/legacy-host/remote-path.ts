import { shellQuote } from '../../../connections/ssh/shell-quote.ts';
import { type LegacyServer, REMOTE_DIRECTORY } from '../../../settings/legacy-server.ts';
import { WORK_ID } from '../../../records/slice-claims.ts';

/** Names a directory on the legacy host: there is one per vehicle and run. */
export interface RemoteDir {
  vehicleId: string;
  runId: string;
}

const RUN = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;

export function isRemoteDir({ vehicleId, runId }: RemoteDir): boolean {
  return WORK_ID.test(vehicleId) && RUN.test(runId);
}

/** The server's directory for dumps as a shell word; `~/` is the login's home. */
export function remoteBase({ remoteDirectory }: LegacyServer): string {
  if (!REMOTE_DIRECTORY.test(remoteDirectory)) throw new TypeError(`Not a remote directory: ${remoteDirectory}`);
  if (!remoteDirectory.startsWith('~/')) return shellQuote(remoteDirectory);
  return `"$HOME"/${shellQuote(remoteDirectory.slice(2))}`;
}

/** Part of our scripts and statements, so that their processes and queries can be told from all others. */
export function workTag({ vehicleId, runId }: RemoteDir): string {
  return `fleetgraph ${runId}/${vehicleId}`;
}

/** Every name in a path on either side is made by us, so any other name is a programming error. */
export function assertRemoteDir(dir: RemoteDir): void {
  if (!isRemoteDir(dir)) throw new TypeError(`Not a vehicle id and a run id: ${JSON.stringify(dir)}`);
}
