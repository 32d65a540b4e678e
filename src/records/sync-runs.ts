import { type ForecastLeft, type RunEta, etaOf, selectForecast } from './run-eta.ts';
import type { RunWarning } from './run-warnings.ts';
import type { Queryable } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import type { FinishRunInput, PlanRunInput, RunSummary } from '../workflows/legacy-sync/activities.ts';
import type { SyncMode } from '../workflows/legacy-sync/messages.ts';

/** `lost`: the run's workflow has ended without finishing it. The janitor of a worker detects this. */
type RowState = 'running' | 'completed' | 'cancelled' | 'failed' | 'lost';

/** What the planning of one legacy server found. */
export interface ServerPlanCounts {
  planned: number;
  upToDate: number;
  failed: number;
  plannedRows: number;
}

/** A row of `sync_runs`, as the sync itself uses it. */
export interface RunRow {
  runId: string;
  workflowId: string;
  mode: SyncMode;
  state: RowState;
  paused: boolean;
  upToDate: number;
  maxWorkers: number | null;
  planning: Record<string, ServerPlanCounts>;
}

/** A run as the CLI and the API show it: its row with the sums over its vehicles. Times are ISO 8601. */
export interface RunState extends Omit<RunRow, 'state' | 'maxWorkers' | 'planning'> {
  /** `terminated`: in Temporal, before a worker had planned the run. A run that was planned has a row and becomes `lost` instead. */
  state: RowState | 'terminated';
  requestedBy: string;
  startedAt: string;
  finishedAt: string | null;
  vehicles: number;
  waiting: number;
  inFlight: number;
  completed: number;
  failed: number;
  plannedRows: number;
  rows: number;
  bytes: number;
  quarantined: number;
  /** Rows without coordinates that were skipped. */
  withoutFix: number;
  /** What fails no vehicle and somebody has to look at: rows that contradict the mapping of their server, say. */
  warnings: RunWarning[];
  /** null: it does not run, or its servers are not known well enough. */
  eta: RunEta | null;
}

const COLUMNS = `run_id AS "runId", workflow_id AS "workflowId", mode, state, paused, up_to_date AS "upToDate"`;
const SELECT_ROW = `SELECT ${COLUMNS}, max_workers AS "maxWorkers", planning FROM sync_runs WHERE run_id = $1`;

/** Selects the states of runs, in no order. `which` is the text after WHERE. */
const selectStates = (which: string): string => `
  SELECT ${COLUMNS}, requested_by AS "requestedBy", started_at AS "startedAt", finished_at AS "finishedAt", warnings, sums.*, ${selectForecast('run')} AS forecast
    FROM (SELECT * FROM sync_runs WHERE ${which}) AS run,
         LATERAL (SELECT count(*)::int AS vehicles,
                         count(*) FILTER (WHERE sync.state = 'planned')::int AS waiting,
                         count(*) FILTER (WHERE sync.state = 'claimed')::int AS "inFlight",
                         count(*) FILTER (WHERE sync.status = 'completed')::int AS completed,
                         count(*) FILTER (WHERE sync.status = 'failed')::int AS failed,
                         coalesce(sum(sync.planned_rows), 0)::float8 AS "plannedRows",
                         coalesce(sum(sync.rows), 0)::float8 AS rows, coalesce(sum(sync.bytes), 0)::float8 AS bytes,
                         coalesce(sum(sync.quarantined), 0)::float8 AS quarantined,
                         coalesce(sum(sync.without_fix), 0)::float8 AS "withoutFix"
                    FROM vehicle_syncs AS sync WHERE sync.run_id = run.run_id) AS sums`;

type StateRow = Omit<RunState, 'startedAt' | 'finishedAt' | 'eta'> & {
  startedAt: Date;
  finishedAt: Date | null;
  forecast: ForecastLeft | null;
};

const stateOf = ({ startedAt, finishedAt, forecast, ...run }: StateRow): RunState => ({
  ...run,
  startedAt: startedAt.toISOString(),
  finishedAt: finishedAt?.toISOString() ?? null,
  eta: forecast && etaOf(forecast),
});

/** @throws Failure `InvalidSelection` for an unknown run */
export async function readRun(database: Queryable, runId: string): Promise<RunState> {
  const run = await findPlannedRun(database, runId);
  if (run === null) throw unknownRun(runId);
  return run;
}

/** null: no worker has planned a run with this id. */
export async function findPlannedRun(database: Queryable, runId: string): Promise<RunState | null> {
  if (!isRunId(runId)) return null;
  const { rows } = await database.query<StateRow>(selectStates('run_id = $1'), [runId]);
  return rows[0] === undefined ? null : stateOf(rows[0]);
}

export interface RunFilter {
  limit: number;
  state?: string | null;
  /** Only runs that began before this one, the last of the page before. */
  at?: string | null;
  id?: string | null;
}

/** Lists the latest runs first. */
export async function latestRuns(
  database: Queryable,
  { limit, state = null, at = null, id = null }: RunFilter,
): Promise<RunState[]> {
  const { rows } = await database.query<StateRow>(
    `${selectStates(`($2::text IS NULL OR state = $2)
                AND ($3::timestamptz IS NULL OR (date_trunc('milliseconds', started_at), run_id) < ($3, $4::uuid))
              ORDER BY date_trunc('milliseconds', started_at) DESC, run_id DESC LIMIT $1`)}
      ORDER BY run.started_at DESC, run.run_id DESC`,
    [limit, state, at, id],
  );
  return rows.map(stateOf);
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const isRunId = (text: string): boolean => UUID.test(text);

export const unknownRun = (runId: string): Failure =>
  new Failure(
    'InvalidSelection',
    `Reading run ${runId}: there is none of that id. \`fleetgraph runs\` lists the latest.`,
  );

/** Those of these runs that a worker has planned. */
export async function plannedAmong(database: Queryable, runIds: string[]): Promise<Set<string>> {
  const { rows } = await database.query<{ runId: string }>(
    'SELECT run_id AS "runId" FROM sync_runs WHERE run_id = ANY($1::uuid[])',
    [runIds],
  );
  return new Set(rows.map(({ runId }) => runId));
}

/** Runs whose rows say that they are running, the oldest first. */
export async function runningRuns(database: Queryable): Promise<Pick<RunRow, 'runId' | 'workflowId' | 'maxWorkers'>[]> {
  const { rows } = await database.query<Pick<RunRow, 'runId' | 'workflowId' | 'maxWorkers'>>(
    `SELECT run_id AS "runId", workflow_id AS "workflowId", max_workers AS "maxWorkers"
       FROM sync_runs WHERE state = 'running' ORDER BY started_at`,
  );
  return rows;
}

/** The running run under this workflow id; null before it is planned. */
export async function runningUnder(database: Queryable, workflowId: string): Promise<string | null> {
  const { rows } = await database.query<{ runId: string }>(
    `SELECT run_id AS "runId" FROM sync_runs WHERE workflow_id = $1 AND state = 'running' ORDER BY started_at DESC LIMIT 1`,
    [workflowId],
  );
  return rows[0]?.runId ?? null;
}

export async function countRuns(database: Queryable): Promise<{ state: RowState; runs: number }[]> {
  const { rows } = await database.query<{ state: RowState; runs: number }>(
    'SELECT state, count(*)::float8 AS runs FROM sync_runs GROUP BY 1',
  );
  return rows;
}

/** Inserts the run, or finds the row that an earlier attempt inserted. */
export async function insertRun(database: Queryable, input: PlanRunInput): Promise<RunRow> {
  await database.query(
    `INSERT INTO sync_runs (run_id, workflow_id, selection, mode, requested_by, max_workers)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (run_id) DO NOTHING`,
    [input.runId, input.workflowId, JSON.stringify(input.selection), input.mode, input.requestedBy, input.maxWorkers],
  );
  return readRunRow(database, input.runId);
}

/** Reads a run's row. Errors: NoClaim when there is no such run. */
export async function readRunRow(database: Queryable, runId: string): Promise<RunRow> {
  return onlyRun((await database.query<RunRow>(SELECT_ROW, [runId])).rows, runId);
}

/** Reads a run under a shared lock: nobody can pause or finish it until the transaction ends. Claims of one run share this lock. */
export async function shareRun(client: Queryable, runId: string): Promise<RunRow> {
  return onlyRun((await client.query<RunRow>(`${SELECT_ROW} FOR SHARE`, [runId])).rows, runId);
}

/** Locks a run to change it. Waits for the claims that are under way. */
export async function lockRun(client: Queryable, runId: string): Promise<RunRow> {
  return onlyRun((await client.query<RunRow>(`${SELECT_ROW} FOR NO KEY UPDATE`, [runId])).rows, runId);
}

function onlyRun(rows: RunRow[], runId: string): RunRow {
  const [run] = rows;
  if (!run)
    throw new Failure('NoClaim', `There is no fleet sync run ${runId} in sync_runs: it was never planned here.`);
  return run;
}

/** The caller holds the lock of `lockRun`. */
export async function steerRun(
  client: Queryable,
  { runId, paused, maxWorkers }: Pick<RunRow, 'runId' | 'paused' | 'maxWorkers'>,
): Promise<void> {
  await client.query('UPDATE sync_runs SET paused = $2, max_workers = $3 WHERE run_id = $1', [
    runId,
    paused,
    maxWorkers,
  ]);
}

/** Records what the planning of one server found; a server that is named here has been planned. The caller holds the lock of `lockRun`. */
export async function recordPlanning(
  client: Queryable,
  { runId, serverId, counts }: { runId: string; serverId: string; counts: ServerPlanCounts },
): Promise<void> {
  await client.query('UPDATE sync_runs SET planning = planning || $2, up_to_date = up_to_date + $3 WHERE run_id = $1', [
    runId,
    { [serverId]: counts },
    counts.upToDate,
  ]);
}

/** Ends a run; true when it had not ended before. Waits for the claims of this run, which share the row's lock. */
export async function endRun(client: Queryable, { runId, outcome }: FinishRunInput): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE sync_runs SET state = $2, finished_at = coalesce(finished_at, now())
      WHERE run_id = $1 AND state IN ('running', 'lost')`,
    [runId, outcome],
  );
  return rowCount === 1;
}

/** Says of a run that was completed that all of its vehicles have failed; nothing else changes. */
export async function failCompletedRun(client: Queryable, runId: string): Promise<void> {
  await client.query(
    `UPDATE sync_runs AS run SET state = 'failed'
      WHERE run_id = $1 AND state = 'completed' AND up_to_date = 0
        AND EXISTS (SELECT FROM vehicle_syncs AS sync WHERE sync.run_id = run.run_id)
        AND NOT EXISTS (SELECT FROM vehicle_syncs AS sync WHERE sync.run_id = run.run_id AND sync.status <> 'failed')`,
    [runId],
  );
}

/** Marks a run as lost; true when its row still said that it was running. */
export async function loseRun(client: Queryable, runId: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE sync_runs SET state = 'lost', finished_at = now() WHERE run_id = $1 AND state = 'running'`,
    [runId],
  );
  return rowCount === 1;
}

/** Sums up a run; all zeros when the run was refused before it had a row. */
export async function sumUpRun(client: Queryable, runId: string): Promise<RunSummary> {
  const run = await findPlannedRun(client, runId);
  if (run === null)
    return { runId, vehicles: 0, completed: 0, failed: 0, upToDate: 0, rows: 0, bytes: 0, quarantined: 0 };
  const { state, vehicles, completed, failed, upToDate, rows, bytes, quarantined } = run;
  return { runId, state, vehicles: vehicles + upToDate, completed, failed, upToDate, rows, bytes, quarantined };
}
