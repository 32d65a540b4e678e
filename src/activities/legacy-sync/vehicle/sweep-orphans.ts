import type pg from 'pg';
import { unlessElsewhere } from '../../../connections/advisory-lock.ts';
import type { Logger } from '../../../logger.ts';
import { listLegacyServers, readLegacyServer } from '../../../records/legacy-servers.ts';
import { claimedSlices } from '../../../records/table-reads.ts';
import { type VehicleInRun, claimedVehicles } from '../../../records/vehicle-claims.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import type { LocalStaging } from '../transfer/local-staging.ts';

export interface SweptFiles {
  remote: number;
  local: number;
}

export interface SweepDependencies {
  pool: pg.Pool;
  legacyHosts: LegacyHosts;
  staging: LocalStaging;
  orphanAfterMs: () => number;
  logger: Logger;
}

interface OwnedFolder {
  vehicleId: string;
  runId: string;
  ageMs: number;
}

/** A key of its own in PostgreSQL's advisory lock space: one process at a time sweeps a legacy server. */
const SWEEP_LOCK = 'fleetgraph sweep';

/**
 * Removes folders whose owner, a vehicle's claim in a run, is not alive, once they are older than the limit: on this host, and on every
 * legacy server that no other process is sweeping right now.
 */
export function createSweepOrphans(deps: SweepDependencies): (signal: AbortSignal) => Promise<SweptFiles> {
  return async (signal) => {
    const local = await orphansAmong(deps, await deps.staging.list());
    for (const owner of local) await deps.staging.remove(owner);
    let remote = 0;
    for (const serverId of await listLegacyServers(deps.pool)) {
      if (signal.aborted) break;
      remote += await sweepServer(deps, serverId, signal);
    }
    return { local: local.length, remote };
  };
}

async function sweepServer(deps: SweepDependencies, serverId: string, signal: AbortSignal): Promise<number> {
  try {
    const removed = await unlessElsewhere(deps.pool, { name: SWEEP_LOCK, key: serverId }, async () => {
      const host = deps.legacyHosts.of(await readLegacyServer(deps.pool, serverId));
      const orphans = await orphansAmong(deps, await host.listFiles(signal));
      for (const owner of orphans) await host.removeFiles(owner, signal);
      return orphans.length;
    });
    return removed ?? 0;
  } catch (error) {
    deps.logger.info({ err: error, serverId }, 'a legacy server could not be swept now');
    return 0;
  }
}

async function orphansAmong(
  { pool, orphanAfterMs }: SweepDependencies,
  folders: OwnedFolder[],
): Promise<OwnedFolder[]> {
  const old = folders.filter(({ ageMs }) => ageMs > orphanAfterMs());
  if (old.length === 0) return [];
  const ownerOf = ({ runId, vehicleId }: VehicleInRun): string => `${runId}/${vehicleId}`;
  const claimed = [...(await claimedVehicles(pool)), ...(await claimedSlices(pool))];
  const alive = new Set(claimed.map(ownerOf));
  return old.filter((folder) => !alive.has(ownerOf(folder)));
}
