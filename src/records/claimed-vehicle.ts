import type { Queryable } from '../connections/postgres.ts';
import type { Vehicle } from '../settings/legacy-server.ts';
import type { SyncMode } from '../workflows/legacy-sync/messages.ts';
import type { TableColumn } from './legacy-tables.ts';
import type { VehicleInRun } from './vehicle-claims.ts';
import { VEHICLE_COLUMNS } from './vehicles.ts';

/** How far a claimed vehicle's sync is, and what of the vehicle's last import helps to plan the next range. */
export interface SyncPosition {
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
}

export interface VehicleClaim<Circuit> {
  vehicle: Vehicle;
  /** The server's, as `pool/circuit.ts` keeps it. */
  circuit: Circuit;
  /** null: nobody has looked at the table yet. */
  tableColumns: TableColumn[] | null;
  /** null: not known. */
  engine: string | null;
  sync: SyncPosition;
}

/** A vehicle that a run has claimed, with all that its work needs to know; null: the run has no claim on it (any more). */
export async function readClaimedVehicle<Circuit>(
  database: Queryable,
  { runId, vehicleId }: VehicleInRun,
): Promise<VehicleClaim<Circuit> | null> {
  const { rows } = await database.query<Vehicle & SyncPosition & Omit<VehicleClaim<Circuit>, 'vehicle' | 'sync'>>(
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
    [runId, vehicleId],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { id, label, serverId, table, legacyVehicleId, partOf, priority, enabled, watermark, ...others } = row;
  const { tableColumns, engine, circuit, ...sync } = others;
  const vehicle = { id, label, serverId, table, legacyVehicleId, partOf, priority, enabled, watermark };
  return { vehicle, circuit, tableColumns, engine, sync };
}
