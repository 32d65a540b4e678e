import { WorkflowNotFoundError } from '@temporalio/client';
import { PIPELINE_WORKFLOW_ID } from '../../workflows/transport-graph/messages.ts';
import type { Database } from '../core/database.ts';
import type { TemporalGateway } from '../core/temporal-gateway.ts';

export interface RunningPipeline {
  runId: string;
  startedAt: Date;
}

/**
 * The pipeline that goes on, whoever started it: Temporal alone knows of one that no worker has taken yet, that is between two stages, or
 * that was ended from outside. null: none goes on; undefined: Temporal does not say.
 */
export const runningPipeline = (temporal: TemporalGateway): Promise<RunningPipeline | null | undefined> =>
  temporal.glance(async (client) => {
    try {
      const { runId, startTime, closeTime } = await client.workflow.getHandle(PIPELINE_WORKFLOW_ID).describe();
      return closeTime === undefined ? { runId, startedAt: startTime } : null;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  });

/**
 * Whether a pipeline (this one, if one is named) is running, as far as PostgreSQL knows, for while Temporal does not say: a stage of it is;
 * or the last of its stages ended a moment ago and another is to follow. A row that has been running for longer than its stage may, with
 * all its attempts, is of a run that was terminated.
 */
export async function seemsRunning(database: Database, runId: string | null = null): Promise<boolean> {
  const [row] = await database.rows<{ running: boolean }>(
    `SELECT EXISTS (
       SELECT FROM stage_runs r JOIN pipeline_stages s USING (worker_id)
        WHERE r.status = 'running' AND r.pipeline_run_id IS NOT NULL AND ($1::uuid IS NULL OR r.pipeline_run_id = $1)
          AND r.started_at > now() - s.attempts * (s.timeout_ms * interval '1 ms' + interval '1 hour')
     ) OR EXISTS (
       SELECT FROM (SELECT * FROM stage_runs WHERE pipeline_run_id IS NOT NULL AND ($1::uuid IS NULL OR pipeline_run_id = $1)
                     ORDER BY started_at DESC LIMIT 1) last JOIN pipeline_stages s USING (worker_id)
        WHERE last.status <> 'running' AND last.finished_at > now() - interval '5 seconds'
          AND NOT (last.status = 'failed' AND s.critical)
          AND EXISTS (SELECT FROM pipeline_stages next WHERE next.enabled AND next.position > s.position)
     ) AS running`,
    [runId],
  );
  return row?.running ?? false;
}
