import { Context } from '@temporalio/activity';
import type pg from 'pg';
import { readLegacyServer } from '../../../records/legacy-servers.ts';
import { readVehicles } from '../../../records/vehicles.ts';
import type { VehicleActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import type { LocalStaging } from '../transfer/local-staging.ts';

export interface CleanUpDependencies {
  pool: pg.Pool;
  legacyHosts: LegacyHosts;
  staging: LocalStaging;
}

/** Removes what a vehicle's sync in a run left here and on the legacy host, and ends its processes there. Doing it twice is doing it once. */
export function createCleanUp({ pool, legacyHosts, staging }: CleanUpDependencies): VehicleActivities['cleanUp'] {
  return async ({ runId, vehicleId }) => {
    await staging.remove({ runId, vehicleId });
    const [vehicle] = await readVehicles(pool, [vehicleId]);
    if (vehicle === undefined) return;
    const server = await readLegacyServer(pool, vehicle.serverId);
    await legacyHosts.of(server).removeFiles({ runId, vehicleId }, Context.current().cancellationSignal);
  };
}
