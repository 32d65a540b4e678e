import type { Database } from '../core/database.ts';

/**
 * Whether a pipeline (this one, if one is named) is running, as PostgreSQL sees it: a stage of it is; or the last of its stages ended a
 * moment ago and another is to follow; or it was started here a moment ago. A row that has been running for longer than its stage
 * may, with all its attempts, is of a run that was terminated.
 */
export async function isPipelineRunning(database: Database, runId: string | null = null): Promise<boolean> {
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
     ) OR EXISTS (
       SELECT FROM audit_log a
        WHERE a.action = 'stage.started' AND a.subject = 'pipeline' AND a.at > now() - interval '1 minute' AND a.details ? 'runId'
          AND ($1::uuid IS NULL OR a.details ->> 'runId' = $1::text)
          AND NOT EXISTS (SELECT FROM stage_runs r WHERE r.pipeline_run_id::text = a.details ->> 'runId')
     ) AS running`,
    [runId],
  );
  return row?.running ?? false;
}
