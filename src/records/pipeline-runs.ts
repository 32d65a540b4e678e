import type { Queryable } from '../connections/postgres.ts';

/**
 * Whether a pipeline is running according to its stages' rows: any pipeline, or the one of `runId`. It is asked while Temporal does not
 * answer. A pipeline is running when one of its stages is, or when its last stage ended a moment ago and another follows. A row that has
 * been running for longer than its stage may take with all its attempts belongs to a terminated run.
 */
export async function seemsRunning(database: Queryable, runId: string | null = null): Promise<boolean> {
  const { rows } = await database.query<{ running: boolean }>(
    `SELECT EXISTS (
       SELECT FROM stage_runs r JOIN pipeline_stages s USING (worker_id)
        WHERE r.status = 'running' AND r.pipeline_run_id IS NOT NULL AND ($1::uuid IS NULL OR r.pipeline_run_id = $1)
          AND r.started_at > now() - (s.execution_timeout_ms * interval '1 ms' + interval '1 hour')
     ) OR EXISTS (
       SELECT FROM (SELECT * FROM stage_runs WHERE pipeline_run_id IS NOT NULL AND ($1::uuid IS NULL OR pipeline_run_id = $1)
                     ORDER BY started_at DESC LIMIT 1) last JOIN pipeline_stages s USING (worker_id)
        WHERE last.status <> 'running' AND last.finished_at > now() - interval '5 seconds'
          AND NOT (last.status = 'failed' AND s.critical)
          AND EXISTS (SELECT FROM pipeline_stages next WHERE next.enabled AND next.position > s.position)
     ) AS running`,
    [runId],
  );
  return rows[0]?.running ?? false;
}

/** How long the pipeline has been running, and how long its last ended run took, by its stages' rows; null: it does not run, or never did. */
export async function pipelineSeconds(database: Queryable): Promise<{ running: number | null; last: number | null }> {
  const { rows } = await database.query<{ running: number | null; last: number | null }>(
    `SELECT max(extract(epoch FROM now() - began)) FILTER (WHERE runs)::float8 AS running,
            (array_agg(extract(epoch FROM ended - began)::float8 ORDER BY began DESC) FILTER (WHERE NOT runs))[1] AS last
       FROM (SELECT min(started_at) AS began, max(finished_at) AS ended, bool_or(status = 'running') AS runs
               FROM stage_runs WHERE pipeline_run_id IN (
                 SELECT DISTINCT pipeline_run_id FROM (
                   SELECT pipeline_run_id FROM stage_runs WHERE pipeline_run_id IS NOT NULL ORDER BY started_at DESC LIMIT 20) AS latest)
              GROUP BY pipeline_run_id) AS pipeline`,
  );
  return rows[0] ?? { running: null, last: null };
}

/**
 * Whether our own stages were to follow the last one that ran. If so, the pipeline was ended between two stages. Stages of other programs
 * do not count, because they may have been registered since.
 */
export async function stopsShort(database: Queryable, pipelineRunId: string): Promise<boolean> {
  const { rows } = await database.query<{ short: boolean }>(
    `SELECT EXISTS (
       SELECT FROM pipeline_stages WHERE enabled AND task_queue IS NULL AND position > (
         SELECT max(s.position) FROM stage_runs r JOIN pipeline_stages s USING (worker_id) WHERE r.pipeline_run_id = $1)) AS short`,
    [pipelineRunId],
  );
  return rows[0]?.short ?? false;
}
