import type pg from 'pg';
import type { Queryable } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import type { PlanRunInput } from '../../../workflows/legacy-sync/activities.ts';
import type { SyncMode } from '../../../workflows/legacy-sync/messages.ts';

/** What was found while planning one legacy server. */
export interface ServerPlanCounts {
  planned: number;
  upToDate: number;
  failed: number;
  plannedRows: number;
}

/** A row of `sync_runs`. */
export interface RunRow {
  runId: string;
  workflowId: string;
  mode: SyncMode;
  state: 'running' | 'completed' | 'cancelled' | 'failed' | 'lost';
  paused: boolean;
  maxWorkers: number | null;
  planning: Record<string, ServerPlanCounts>;
  upToDate: number;
}

const SELECT_RUN = `SELECT run_id AS "runId", workflow_id AS "workflowId", mode, state, paused, max_workers AS "maxWorkers",
  planning, up_to_date AS "upToDate" FROM sync_runs WHERE run_id = $1`;

/** Inserts the run, or finds the row a former attempt inserted. */
export async function insertRun(database: Queryable, input: PlanRunInput): Promise<RunRow> {
  await database.query(
    `INSERT INTO sync_runs (run_id, workflow_id, selection, mode, requested_by, max_workers)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (run_id) DO NOTHING`,
    [input.runId, input.workflowId, JSON.stringify(input.selection), input.mode, input.requestedBy, input.maxWorkers],
  );
  return readRun(database, input.runId);
}

/** Errors: NoClaim when there is no such run. */
export async function readRun(database: Queryable, runId: string): Promise<RunRow> {
  const { rows } = await database.query<RunRow>(SELECT_RUN, [runId]);
  return onlyRun(rows, runId);
}

/** The run, kept as it is until the transaction ends: it is neither paused nor finished meanwhile. Claims of one run share this lock. */
export async function shareRun(client: pg.ClientBase, runId: string): Promise<RunRow> {
  const { rows } = await client.query<RunRow>(`${SELECT_RUN} FOR SHARE`, [runId]);
  return onlyRun(rows, runId);
}

/** The run, to be changed: waits for the claims under way. */
export async function lockRun(client: pg.ClientBase, runId: string): Promise<RunRow> {
  const { rows } = await client.query<RunRow>(`${SELECT_RUN} FOR NO KEY UPDATE`, [runId]);
  return onlyRun(rows, runId);
}

function onlyRun(rows: RunRow[], runId: string): RunRow {
  const [run] = rows;
  if (!run)
    throw new Failure('NoClaim', `There is no fleet sync run ${runId} in sync_runs: it was never planned here.`);
  return run;
}
