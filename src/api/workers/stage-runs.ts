import { LOST_MESSAGE, type LostStages } from '../../connections/lost-stages.ts';
import type { Database } from '../core/database.ts';

export interface StageRunRow {
  runId: string;
  workerId: string;
  pipelineRunId: string | null;
  status: 'running' | 'success' | 'failed' | 'skipped';
  message: string | null;
  startedAt: Date;
  finishedAt: Date | null;
  added: number;
  updated: number;
  deleted: number;
  critical: boolean;
}

const COLUMNS = `r.workflow_run_id AS "runId", r.worker_id AS "workerId", r.pipeline_run_id AS "pipelineRunId", r.status, r.message, r.started_at AS "startedAt",
  r.finished_at AS "finishedAt", r.added, r.updated, r.deleted, coalesce(s.critical, false) AS critical`;

/** The stages of a pipeline's run, or the one of a stage's run, in order. */
export async function stageRunsOf(database: Database, runId: string, lost: LostStages): Promise<StageRunRow[]> {
  const rows = await database.rows<StageRunRow>(
    `SELECT ${COLUMNS} FROM stage_runs r LEFT JOIN pipeline_stages s USING (worker_id)
      WHERE r.pipeline_run_id = $1 OR r.workflow_run_id = $1 ORDER BY r.started_at, r.id`,
    [runId],
  );
  return rows.map((row) => ({ ...row, ...fateOf(row, lost) }));
}

/** What became of a run whose row does not know it. */
function fateOf({ runId, status }: { runId: string; status: string }, lost: LostStages) {
  if (status !== 'running' || !lost.has(runId)) return {};
  return { status: 'failed', message: LOST_MESSAGE, finishedAt: lost.get(runId)! } as const;
}

/** Whether stages of ours were to follow the last that ran: the pipeline was ended between two. Stages of others may be newer than it. */
export async function stopsShort(database: Database, pipelineRunId: string): Promise<boolean> {
  const [row] = await database.rows<{ short: boolean }>(
    `SELECT EXISTS (
       SELECT FROM pipeline_stages WHERE enabled AND task_queue IS NULL AND position > (
         SELECT max(s.position) FROM stage_runs r JOIN pipeline_stages s USING (worker_id) WHERE r.pipeline_run_id = $1)) AS short`,
    [pipelineRunId],
  );
  return row?.short ?? false;
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

export async function latestStageRuns(database: Database, limit: number, lost: LostStages): Promise<StageRunSummary[]> {
  const rows = await database.rows<StageRunSummary>(
    `SELECT workflow_run_id AS "runId", pipeline_run_id AS "pipelineRunId", workflow_id AS "workflowId", worker_id AS "workerId", status,
            message, failure_code AS "failureCode", started_at AS "startedAt", finished_at AS "finishedAt"
       FROM stage_runs ORDER BY started_at DESC, id DESC LIMIT $1`,
    [limit],
  );
  return rows.map((row) => {
    const fate = fateOf(row, lost);
    return { ...row, ...fate, failureCode: 'status' in fate ? 'Lost' : row.failureCode };
  });
}

/** A run that was started here and has not come to its first stage. */
export async function startedRun(
  database: Database,
  runId: string,
): Promise<{ workerId: string | null; startedAt: string } | null> {
  const [row] = await database.rows<{ subject: string; at: Date }>(
    `SELECT subject, at FROM audit_log WHERE details ->> 'runId' = $1 AND details ? 'runId' AND action = 'stage.started' LIMIT 1`,
    [runId],
  );
  if (row === undefined) return null;
  return { workerId: row.subject === 'pipeline' ? null : row.subject, startedAt: row.at.toISOString() };
}
