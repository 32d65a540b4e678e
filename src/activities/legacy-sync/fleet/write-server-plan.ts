import type pg from 'pg';
import type { FailureCode } from '../../../errors.ts';
import type { ServerPlanCounts } from './run-row.ts';
import type { SyncMode } from '../../../workflows/legacy-sync/messages.ts';
import { lockRun } from './run-row.ts';

export interface PlannedVehicle {
  vehicleId: string;
  priority: number;
  mode: SyncMode;
  fromId: string;
  newRows: number;
  capped: boolean;
  maxId: string;
}

export interface UnplannedVehicle {
  vehicleId: string;
  priority: number;
  code: FailureCode;
  message: string;
}

export interface ServerPlan {
  serverId: string;
  planned: PlannedVehicle[];
  failed: UnplannedVehicle[];
  upToDate: string[];
  tables: { table: string; columns: unknown[] }[];
}

/** Writes all that planning found out about one server, once: a server that the run's `planning` names is left alone. */
export async function writeServerPlan(client: pg.ClientBase, runId: string, plan: ServerPlan): Promise<void> {
  const run = await lockRun(client, runId);
  if (plan.serverId in run.planning) return;
  await client.query(
    `INSERT INTO vehicle_syncs (run_id, vehicle_id, server_id, class, mode, planned_rows, rows_capped, cursor_id, frozen_to_id)
     SELECT $1, "vehicleId", $2, priority, mode, "newRows", capped, "fromId", "maxId"
     FROM jsonb_to_recordset($3::jsonb) AS planned("vehicleId" bigint, priority integer, mode text, "newRows" bigint, capped boolean,
                                                   "fromId" bigint, "maxId" bigint)`,
    [runId, plan.serverId, JSON.stringify(plan.planned)],
  );
  await client.query(
    `INSERT INTO vehicle_syncs (run_id, vehicle_id, server_id, class, state, status, failure_code, failure_message, settled_at)
     SELECT $1, "vehicleId", $2, priority, 'settled', 'failed', code, message, now()
     FROM jsonb_to_recordset($3::jsonb) AS failed("vehicleId" bigint, priority integer, code text, message text)`,
    [runId, plan.serverId, JSON.stringify(plan.failed)],
  );
  await client.query(
    `INSERT INTO legacy_tables (server_id, table_name, columns, read_at)
     SELECT $1, "table", columns, now() FROM jsonb_to_recordset($2::jsonb) AS found("table" text, columns jsonb) ORDER BY "table"
     ON CONFLICT (server_id, table_name) DO UPDATE SET columns = EXCLUDED.columns, read_at = EXCLUDED.read_at`,
    [plan.serverId, JSON.stringify(plan.tables)],
  );
  // A row that a load holds is being synced right now and will say so itself.
  await client.query(
    `UPDATE vehicles SET last_synced_at = now() WHERE id IN (
       SELECT id FROM vehicles WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)`,
    [plan.upToDate],
  );
  const counts: ServerPlanCounts = {
    planned: plan.planned.length,
    upToDate: plan.upToDate.length,
    failed: plan.failed.length,
    plannedRows: plan.planned.reduce((rows, { newRows }) => rows + newRows, 0),
  };
  await client.query('UPDATE sync_runs SET planning = planning || $2, up_to_date = up_to_date + $3 WHERE run_id = $1', [
    runId,
    { [plan.serverId]: counts },
    counts.upToDate,
  ]);
}
