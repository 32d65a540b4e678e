import { inTransaction } from '../../../connections/postgres.ts';
import { readCircuit } from '../../../pool/circuit-store.ts';
import { listLegacyServers, readLegacyServer } from '../../../records/legacy-servers.ts';
import { addVehicles } from '../../../records/new-vehicles.ts';
import { toFailure } from '../../activity-failures.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';

/**
 * Adds the vehicles that legacy servers have rows of and we do not know yet, so that the run which is being planned syncs them. A server that cannot
 * tell is left as it is: its vehicles are planned as ever. Errors: DatabaseUnavailable, or the cancellation.
 */
export async function addNewVehicles(deps: FleetDependencies, runId: string): Promise<void> {
  for (const serverId of await listLegacyServers(deps.pool)) {
    deps.cancellationSignal().throwIfAborted();
    if ((await readCircuit(deps.pool, serverId)).state === 'held') continue;
    try {
      const server = await readLegacyServer(deps.pool, serverId);
      const found = await deps.discover(server, deps.cancellationSignal());
      const reason = 'legacy_sync.vehicles.auto_add';
      const added = await inTransaction(deps.pool, (client) =>
        addVehicles(client, { server, found, actor: `run ${runId}`, reason }),
      );
      if (added.length > 0) deps.log.info({ serverId, runId, vehicles: added.map(({ id }) => id) }, 'new vehicles');
    } catch (error) {
      deps.cancellationSignal().throwIfAborted();
      const { code, message } = toFailure(error);
      if (code === 'DatabaseUnavailable') throw error;
      deps.log.warn({ serverId, runId, code }, message);
    }
  }
}
