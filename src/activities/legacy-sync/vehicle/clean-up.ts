import { Context } from '@temporalio/activity';
import type pg from 'pg';
import { readLegacyServer } from '../../../settings/legacy-servers.ts';
import type { VehicleActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import type { LocalStaging } from '../load/local-staging.ts';

export interface CleanUpDependencies {
  pool: pg.Pool;
  legacyHosts: LegacyHosts;
  staging: LocalStaging;
}

/** Removes what a vehicle's sync in a run left here and on the legacy host, and ends its processes there. Doing it twice is doing it once. */
export function createCleanUp({ pool, legacyHosts, staging }: CleanUpDependencies): VehicleActivities['cleanUp'] {
  return async ({ runId, vehicleId }) => {
    await staging.remove({ runId, vehicleId });
    const { rows } = await pool.query<{ server_id: string }>('SELECT server_id FROM vehicles WHERE id = $1', [
      vehicleId,
    ]);
    const serverId = rows[0]?.server_id;
    if (serverId === undefined) return;
    const server = await readLegacyServer(pool, serverId);
    await legacyHosts.of(server).removeFiles({ runId, vehicleId }, Context.current().cancellationSignal);
  };
}
