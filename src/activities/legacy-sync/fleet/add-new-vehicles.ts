import { inTransaction } from '../../../connections/postgres.ts';
import { stemOfMonth } from '../../../legacy-inspection/table-layout.ts';
import { readCircuit } from '../../../pool/circuit-store.ts';
import { listLegacyServers, readLegacyServer } from '../../../records/legacy-servers.ts';
import { addVehicles, partsOfKnown } from '../../../records/new-vehicles.ts';
import type { RunWarning } from '../../../records/run-warnings.ts';
import { readVehicles } from '../../../records/vehicles.ts';
import type { Vehicle } from '../../../settings/legacy-server.ts';
import { toFailure } from '../../activity-failures.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';

interface NewVehicles {
  added: number;
  /** Servers that could not tell. */
  warnings: RunWarning[];
}

/**
 * Adds what a legacy server has rows of and we do not know yet, so that the run that is being planned syncs it. With auto_add these are all vehicles.
 * Without it they are only the other months of vehicles whose rows lie in a table a month: without those the fleet would silently stop at the end of
 * a month. A server that cannot tell is left as it is, and its vehicles are planned as ever. Errors: DatabaseUnavailable, or the cancellation.
 */
export async function addNewVehicles(
  deps: FleetDependencies,
  { runId, autoAdd, selected }: { runId: string; autoAdd: boolean; selected: readonly Vehicle[] },
): Promise<NewVehicles> {
  const result: NewVehicles = { added: 0, warnings: [] };
  for (const serverId of autoAdd ? await listLegacyServers(deps.pool) : serversByMonth(selected)) {
    deps.cancellationSignal().throwIfAborted();
    if ((await readCircuit(deps.pool, serverId)).state === 'held') continue;
    try {
      const added = await addFrom(deps, serverId, { runId, autoAdd });
      if (added.length > 0) deps.log.info({ serverId, runId, vehicles: added.map(({ id }) => id) }, 'new vehicles');
      result.added += added.length;
    } catch (error) {
      deps.cancellationSignal().throwIfAborted();
      const { code, message } = toFailure(error);
      if (code === 'DatabaseUnavailable') throw error;
      deps.log.warn({ serverId, runId, code }, message);
      const missed = autoAdd ? 'vehicles' : 'tables of new months';
      result.warnings.push({ serverId, found: `nobody could look for ${missed}: ${code}: ${message}` });
    }
  }
  return result;
}

const serversByMonth = (vehicles: readonly Vehicle[]): string[] => [
  ...new Set(vehicles.filter(({ table }) => stemOfMonth(table) !== null).map(({ serverId }) => serverId)),
];

async function addFrom(
  { pool, discover, cancellationSignal }: FleetDependencies,
  serverId: string,
  { runId, autoAdd }: { runId: string; autoAdd: boolean },
): Promise<Vehicle[]> {
  const server = await readLegacyServer(pool, serverId);
  const all = await discover(server, cancellationSignal());
  const known = (await readVehicles(pool)).filter((vehicle) => vehicle.serverId === serverId);
  const found = autoAdd ? all : partsOfKnown(known, all);
  const reason = autoAdd ? 'legacy_sync.vehicles.auto_add' : 'rows of a known vehicle in the table of another month';
  return inTransaction(pool, (client) => addVehicles(client, { server, found, actor: `run ${runId}`, reason }));
}
