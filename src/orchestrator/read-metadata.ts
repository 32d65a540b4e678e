import type { Queryable } from '../connections/postgres.ts';
import type { WorkerMetadata } from './types.ts';

/** Every stage with its last run, in the order of the pipeline. */
export async function readWorkerMetadata(postgres: Queryable): Promise<WorkerMetadata[]> {
  const { rows } = await postgres.query(
    `SELECT s.worker_id AS "workerId", s.worker_name AS "workerName", s.version,
            last.started_at AS "lastRun", last.status AS "lastStatus",
            (extract(epoch FROM last.finished_at - last.started_at) * 1000)::float8 AS "lastDuration",
            (SELECT count(*)::int FROM stage_runs r WHERE r.worker_id = s.worker_id) AS "runCount"
       FROM pipeline_stages s
       LEFT JOIN LATERAL (SELECT * FROM stage_runs r WHERE r.worker_id = s.worker_id ORDER BY started_at DESC LIMIT 1) last ON true
      ORDER BY s.position`,
  );
  return rows.map((row) => ({
    ...row,
    lastRun: row.lastRun?.toISOString() ?? null,
    lastDuration: row.lastDuration === null ? null : Math.round(row.lastDuration),
  }));
}
