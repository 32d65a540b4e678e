import type { Queryable } from '../connections/postgres.ts';
import type { BeginStageInput, EndStageInput, RefuseStageInput } from '../workflows/transport-graph/activities.ts';
import { startsOf } from './audit-log.ts';
import { type LostStages, lostFate } from './lost-stages.ts';

export interface StageRunRow {
  runId: string;
  workerId: string;
  pipelineRunId: string | null;
  status: 'running' | 'success' | 'failed' | 'skipped';
  message: string | null;
  startedAt: Date;
  finishedAt: Date | null;
  failureCode: string | null;
  added: number;
  updated: number;
  deleted: number;
  critical: boolean;
}

const COLUMNS = `r.workflow_run_id AS "runId", r.worker_id AS "workerId", r.pipeline_run_id AS "pipelineRunId", r.status, r.message,
  r.started_at AS "startedAt", r.finished_at AS "finishedAt", r.failure_code AS "failureCode"`;

/** The stages of a pipeline's run in order, or the one stage of a stage's run. */
export async function stageRunsOf(database: Queryable, runId: string, lost: LostStages): Promise<StageRunRow[]> {
  const { rows } = await database.query<StageRunRow>(
    `SELECT ${COLUMNS}, r.added, r.updated, r.deleted, coalesce(s.critical, false) AS critical
       FROM stage_runs r LEFT JOIN pipeline_stages s USING (worker_id)
      WHERE r.pipeline_run_id = $1 OR r.workflow_run_id = $1 ORDER BY r.started_at, r.id`,
    [runId],
  );
  return rows.map((row) => ({ ...row, ...lostFate(row, lost) }));
}

export interface StageRunSummary {
  runId: string;
  pipelineRunId: string | null;
  workflowId: string;
  workerId: string;
  status: string;
  message: string | null;
  failureCode: string | null;
  startedAt: Date;
  finishedAt: Date | null;
}

export async function latestStageRuns(
  database: Queryable,
  limit: number,
  lost: LostStages,
): Promise<StageRunSummary[]> {
  const { rows } = await database.query<StageRunSummary>(
    `SELECT ${COLUMNS}, r.workflow_id AS "workflowId" FROM stage_runs r ORDER BY r.started_at DESC, r.id DESC LIMIT $1`,
    [limit],
  );
  return rows.map((row) => ({ ...row, ...lostFate(row, lost) }));
}

/** A run that was started through the API and has not reached its first stage. */
export async function startedRun(
  database: Queryable,
  runId: string,
): Promise<{ workerId: string | null; startedAt: string } | null> {
  const [row] = await startsOf(database, 'stage.started', [runId]);
  if (row === undefined) return null;
  return { workerId: row.subject === 'pipeline' ? null : row.subject, startedAt: row.at.toISOString() };
}

/** Stages of the pipeline whose last run failed, in its order, with the message of that run. */
export async function failedStages(database: Queryable): Promise<{ workerId: string; message: string }[]> {
  const { rows } = await database.query<{ workerId: string; message: string }>(
    `SELECT worker_id AS "workerId", message FROM pipeline_stages s, LATERAL (
       SELECT status, message FROM stage_runs r WHERE r.worker_id = s.worker_id ORDER BY started_at DESC LIMIT 1) last
     WHERE enabled AND last.status = 'failed' ORDER BY position`,
  );
  return rows;
}

/**
 * Adds the row of a run that begins. A repeated attempt of the activity keeps the row of the first; a run that had ended, and was reset to
 * its beginning, runs again.
 */
export async function insertStageRun(database: Queryable, run: BeginStageInput): Promise<void> {
  await database.query(
    `INSERT INTO stage_runs (worker_id, workflow_id, workflow_run_id, pipeline_run_id, status, forced)
     VALUES ($1, $2, $3, $4, 'running', $5)
     ON CONFLICT (workflow_run_id) DO UPDATE SET status = 'running', message = NULL, failure_code = NULL, finished_at = NULL
       WHERE stage_runs.status <> 'running'`,
    [run.workerId, run.workflowId, run.workflowRunId, run.pipelineRunId, run.force],
  );
}

/** Adds the row of a pipeline's stage that cannot run. */
export async function insertRefusedRun(database: Queryable, run: RefuseStageInput): Promise<void> {
  await database.query(
    `INSERT INTO stage_runs (worker_id, workflow_id, workflow_run_id, pipeline_run_id, status, failure_code, message, finished_at)
     VALUES ($1, $2, $3, $4, 'failed', 'CannotRun', $5, now()) ON CONFLICT (workflow_run_id) DO NOTHING`,
    [run.workerId, run.workflowId, run.workflowRunId, run.pipelineRunId, run.message],
  );
}

export async function recordAttempt(database: Queryable, runId: string, attempt: number): Promise<void> {
  await database.query('UPDATE stage_runs SET attempts = $2 WHERE workflow_run_id = $1', [runId, attempt]);
}

/** Writes how a run ended, and what it processed. */
export async function endStageRun(database: Queryable, end: EndStageInput): Promise<void> {
  const { workflowRunId, status, message, failureCode, outcome } = end;
  const { added, updated, deleted } = outcome?.dataProcessed ?? { added: 0, updated: 0, deleted: 0 };
  await database.query(
    `UPDATE stage_runs SET status = $2, message = $3, failure_code = $4, dataset_version = $5, added = $6, updated = $7, deleted = $8,
            finished_at = now()
      WHERE workflow_run_id = $1`,
    [workflowRunId, status, message, failureCode, outcome?.datasetVersion ?? null, added, updated, deleted],
  );
}
