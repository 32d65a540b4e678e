import type { Queryable } from '../connections/postgres.ts';

/** How the newest run of a fleet sync ended. Runs under one workflow id are runs of the same selection, by hand and by schedules. */
export interface RunOutcome {
  workflowId: string;
  runId: string;
  state: 'completed' | 'failed' | 'lost';
  finishedAt: Date;
  /** Those without new rows included. */
  vehicles: number;
  failed: number;
  /** The failures' most frequent code; null without failures. */
  code: string | null;
}

const NEWEST_SQL = `
  SELECT run.workflow_id AS "workflowId", run.run_id AS "runId", run.state, run.finished_at AS "finishedAt",
         run.up_to_date + sums.vehicles AS vehicles, sums.failed, sums.code
    FROM (SELECT DISTINCT ON (workflow_id) * FROM sync_runs
           WHERE state = ANY($1) AND started_at > now() - make_interval(days => $2)
           ORDER BY workflow_id, finished_at DESC) AS run,
         LATERAL (SELECT count(*)::int AS vehicles, count(*) FILTER (WHERE status = 'failed')::int AS failed,
                         mode() WITHIN GROUP (ORDER BY failure_code) AS code
                    FROM vehicle_syncs AS sync WHERE sync.run_id = run.run_id) AS sums
   ORDER BY 1`;

/** A selection that nobody has synced for this long is left out. */
export const OUTCOMES_KEPT_DAYS = 7;

/** Of each fleet sync the newest run that came to its end. One that was cancelled says nothing, and neither does one that was lost. */
export async function newestFinishedRuns(database: Queryable): Promise<RunOutcome[]> {
  const { rows } = await database.query<RunOutcome>(NEWEST_SQL, [['completed', 'failed'], OUTCOMES_KEPT_DAYS]);
  return rows;
}

/** The fleet syncs whose newest run was lost: terminated, or gone with its server. */
export async function newestRunsLost(database: Queryable): Promise<RunOutcome[]> {
  const ended = ['completed', 'failed', 'cancelled', 'lost'];
  const { rows } = await database.query<RunOutcome>(NEWEST_SQL, [ended, OUTCOMES_KEPT_DAYS]);
  return rows.filter(({ state }) => state === 'lost');
}
