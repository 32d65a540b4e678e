import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import { readLegacyServer } from '../../../settings/legacy-servers.ts';
import type { Breaker } from '../../../pool/breaker.ts';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import type { SyncMode } from '../../../workflows/legacy-sync/messages.ts';

/** A column of a legacy table as information_schema describes it. */
export interface TableColumn {
  name: string;
  dataType: string;
  columnType: string;
  nullable: boolean;
}

/** Everything an activity needs to know about a vehicle's part in a run. */
export interface VehicleContext {
  label: string;
  vehicle: Vehicle;
  server: LegacyServer;
  /** As it was when the context was read. */
  breaker: Breaker;
  tableColumns: TableColumn[];
  sync: {
    mode: SyncMode;
    cursor: string;
    frozenTo: string;
    /** The vehicle's highest id when the rows up to the cursor were exported; null when no import ended at the cursor. */
    cursorHead: string | null;
    plannedRows: number;
    /** Planning stopped counting at plannedRows. */
    capped: boolean;
    rows: number;
    rangeRows: number | null;
    /** Of the vehicle's last import, compressed; null, as the rows of its overlap, when none ended at the cursor. */
    bytesPerRow: number | null;
    overlapRows: number | null;
  };
}

/** @throws Failure `NoClaim` when this run does not hold the vehicle (any more) */
export async function readVehicleContext(pool: pg.Pool, key: VehicleSyncKey): Promise<VehicleContext> {
  const { rows } = await pool.query(
    `SELECT v.id::text, v.label, v.server_id AS "serverId", v.legacy_table AS "table", v.legacy_vehicle_id AS "legacyVehicleId",
            v.priority, v.enabled, v.watermark::text, v.range_rows AS "rangeRows", t.columns AS "tableColumns", s.mode, state.breaker,
            s.cursor_id::text AS cursor, s.frozen_to_id::text AS "frozenTo", s.planned_rows::float8 AS "plannedRows", s.rows_capped AS capped, s.rows::float8,
            last.head AS "cursorHead", last."bytesPerRow", last."overlapRows"
       FROM vehicle_syncs s
       JOIN vehicles v ON v.id = s.vehicle_id
       JOIN legacy_server_state state ON state.server_id = v.server_id
       LEFT JOIN legacy_tables t ON t.server_id = v.server_id AND t.table_name = v.legacy_table
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
  const { id, label, serverId, table, legacyVehicleId, priority, enabled, watermark, tableColumns, breaker, ...sync } =
    row;
  return {
    label,
    vehicle: { id, label, serverId, table, legacyVehicleId, priority, enabled, watermark },
    server: await readLegacyServer(pool, serverId),
    breaker,
    tableColumns: tableColumns ?? [],
    sync,
  };
}

function noClaim({ runId, vehicleId }: VehicleSyncKey): Failure {
  return new Failure(
    'NoClaim',
    `Syncing vehicle ${vehicleId} in run ${runId}: that run does not hold this vehicle. A vehicle is synced by a fleet sync that claims it: start one with \`fleetgraph sync --vehicles ${vehicleId}\`.`,
  );
}
