import type pg from 'pg';
import { type LegacyTable, writeTables } from '../../../records/legacy-tables.ts';
import { lockRun, recordPlanning } from '../../../records/sync-runs.ts';
import { type RunWarning, warnRun } from '../../../records/run-warnings.ts';
import { type PlannedRead, insertReads } from '../../../records/table-reads.ts';
import { noteUpToDate } from '../../../records/synced-vehicles.ts';
import {
  type PlannedVehicle,
  type UnplannedVehicle,
  insertPlanned,
  insertUnplanned,
} from '../../../records/vehicle-syncs.ts';

export interface ServerPlan {
  serverId: string;
  planned: PlannedVehicle[];
  failed: UnplannedVehicle[];
  upToDate: string[];
  tables: LegacyTable[];
  /** Of the planned vehicles, those that are read together. */
  reads: PlannedRead[];
  /** What fails no vehicle: those that are left for a later run, say. */
  warnings: RunWarning[];
}

/** Writes what planning found out about one server. It does nothing when the run's `planning` names the server already. */
export async function writeServerPlan(client: pg.ClientBase, runId: string, plan: ServerPlan): Promise<void> {
  const { serverId, planned, failed, upToDate, tables, reads, warnings } = plan;
  const run = await lockRun(client, runId);
  if (serverId in run.planning) return;
  await insertPlanned(client, { runId, serverId }, planned);
  await insertReads(client, { runId, serverId }, reads);
  await insertUnplanned(client, { runId, serverId }, failed);
  if (warnings.length > 0) await warnRun(client, runId, warnings);
  await writeTables(client, serverId, tables);
  await noteUpToDate(client, upToDate);
  const counts = {
    planned: planned.length,
    upToDate: upToDate.length,
    failed: failed.length,
    plannedRows: planned.reduce((rows, { newRows }) => rows + newRows, 0),
  };
  await recordPlanning(client, { runId, serverId, counts });
}
