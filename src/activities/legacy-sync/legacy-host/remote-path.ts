import { shellQuote } from '../../../connections/ssh/shell-quote.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';

/** Whose directory on the legacy host: one per vehicle and run. */
export interface RemoteDir {
  vehicleId: string;
  runId: string;
}

const VEHICLE = /^[1-9]\d{0,18}$/;
const RUN = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;

export function isRemoteDir({ vehicleId, runId }: RemoteDir): boolean {
  return VEHICLE.test(vehicleId) && RUN.test(runId);
}

/** The server's directory for dumps as a shell word; `~/` is the login's home. */
export function remoteBase({ remoteDirectory }: LegacyServer): string {
  if (/(^|\/)\.\.?(\/|$)/.test(remoteDirectory)) throw new TypeError('A remote directory has no part "." or "..".');
  if (!remoteDirectory.startsWith('~/')) {
    if (!/^\/[^/]/.test(remoteDirectory)) throw new TypeError('A remote directory begins with / or ~/.');
    return shellQuote(remoteDirectory);
  }
  return `"$HOME"/${shellQuote(remoteDirectory.slice(2))}`;
}

/** Part of our scripts and statements, so that their processes and queries can be told from all others. */
export function workTag({ vehicleId, runId }: RemoteDir): string {
  return `fleetgraph ${runId}/${vehicleId}`;
}

/** Every name that goes into a path on either side is made by us; a name that is none of ours is a programming error. */
export function assertRemoteDir(dir: RemoteDir): void {
  if (!isRemoteDir(dir)) throw new TypeError(`Not a vehicle id and a run id: ${JSON.stringify(dir)}`);
}
