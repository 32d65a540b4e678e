import type pg from 'pg';
import { Failure } from '../../errors.ts';
import type { LegacyServer, Vehicle } from '../../settings/legacy-server.ts';
import { readLegacyServer } from '../../records/legacy-servers.ts';
import type { TableColumn } from '../../records/legacy-tables.ts';
import { VEHICLE_COLUMNS } from '../../records/vehicles.ts';
import type { Circuit } from '../../pool/circuit.ts';
import type { VehicleSyncKey } from '../../workflows/legacy-sync/activities.ts';
import type { SyncMode } from '../../workflows/legacy-sync/messages.ts';

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
  sync: {
    mode: SyncMode;
    cursor: string;
    frozenTo: string;
    /** The vehicle's highest id when the rows up to the cursor were exported; null when no import ended at the cursor. */
    cursorHead: string | null;
    plannedRows: number;
    /** Planning stopped counting at plannedRows; there may be more rows. */
    capped: boolean;
    rows: number;
    rangeRows: number | null;
    /** Compressed bytes per row of the vehicle's last import. Null, as overlapRows, when no import ended at the cursor. */
    bytesPerRow: number | null;
    overlapRows: number | null;
  };
}

/** @throws Failure `NoClaim` when this run has no claim on the vehicle (any more) */
export async function readVehicleContext(pool: pg.Pool, key: VehicleSyncKey): Promise<VehicleContext> {
  const { rows } = await pool.query(
    `SELECT ${VEHICLE_COLUMNS}, vehicle.range_rows AS "rangeRows", t.columns AS "tableColumns", t.engine, s.mode, state.breaker AS circuit,
            s.cursor_id::text AS cursor, s.frozen_to_id::text AS "frozenTo", s.planned_rows::float8 AS "plannedRows", s.rows_capped AS capped, s.rows::float8,
            last.head AS "cursorHead", last."bytesPerRow", last."overlapRows"
       FROM vehicle_syncs s
       JOIN vehicles AS vehicle ON vehicle.id = s.vehicle_id
       JOIN legacy_server_state state ON state.server_id = vehicle.server_id
       LEFT JOIN legacy_tables t ON t.server_id = vehicle.server_id AND t.table_name = vehicle.legacy_table
       LEFT JOIN LATERAL (
         SELECT min(earlier.frozen_to_id)::text AS head, max(l.bytes::float8 / greatest(l.rows, 1)) AS "bytesPerRow",
                max(l.duplicates)::float8 AS "overlapRows"
           FROM import_ledger AS l JOIN vehicle_syncs AS earlier USING (run_id, vehicle_id)
          WHERE l.vehicle_id = s.vehicle_id AND l.to_id = s.cursor_id) AS last ON true
      WHERE s.run_id = $1 AND s.vehicle_id = $2 AND s.state = 'claimed'`,
    [key.runId, key.vehicleId],
  );
  const [row] = rows;
  if (row === undefined) throw noClaim(key);
  const {
    id,
    label,
    serverId,
    table,
    legacyVehicleId,
    partOf,
    priority,
    enabled,
    watermark,
    tableColumns,
    engine,
    circuit,
    ...sync
  } = row;
  return {
    label,
    vehicle: { id, label, serverId, table, legacyVehicleId, partOf, priority, enabled, watermark },
    server: await readLegacyServer(pool, serverId),
    circuit,
    tableColumns: tableColumns ?? [],
    engine,
    sync,
  };
}

function noClaim({ runId, vehicleId }: VehicleSyncKey): Failure {
  return new Failure(
    'NoClaim',
    `Syncing vehicle ${vehicleId} in run ${runId}: that run does not hold this vehicle. A vehicle is synced by a fleet sync that claims it: start one with \`fleetgraph sync --vehicles ${vehicleId}\`.`,
  );
}
