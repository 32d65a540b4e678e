import type pg from 'pg';
import { Failure } from '../../errors.ts';
import type { LegacyServer, Vehicle } from '../../settings/legacy-server.ts';
import { readClaimedVehicle, type SyncPosition } from '../../records/claimed-vehicle.ts';
import { readLegacyServer } from '../../records/legacy-servers.ts';
import type { TableColumn } from '../../records/legacy-tables.ts';
import type { Circuit } from '../../pool/circuit.ts';
import type { VehicleSyncKey } from '../../workflows/legacy-sync/activities.ts';

/** Everything an activity needs to know about a vehicle's part in a run. */
export interface VehicleContext {
  label: string;
  vehicle: Vehicle;
  server: LegacyServer;
  /** As it was when the context was read. */
  circuit: Circuit;
  tableColumns: TableColumn[];
  /** The table's engine; null: not known. */
  engine: string | null;
  sync: SyncPosition;
}

/** @throws Failure `NoClaim` when this run has no claim on the vehicle (any more) */
export async function readVehicleContext(pool: pg.Pool, key: VehicleSyncKey): Promise<VehicleContext> {
  const claimed = await readClaimedVehicle<Circuit>(pool, key);
  if (claimed === null) throw noClaim(key);
  const { vehicle, tableColumns } = claimed;
  const server = await readLegacyServer(pool, vehicle.serverId);
  return { ...claimed, label: vehicle.label, server, tableColumns: tableColumns ?? [] };
}

function noClaim({ runId, vehicleId }: VehicleSyncKey): Failure {
  return new Failure(
    'NoClaim',
    `Syncing vehicle ${vehicleId} in run ${runId}: that run does not hold this vehicle. A vehicle is synced by a fleet sync that claims it: start one with \`fleetgraph sync --vehicles ${vehicleId}\`.`,
  );
}
