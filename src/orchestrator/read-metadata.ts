import type { Queryable } from '../connections/postgres.ts';
import type { LostStages } from '../connections/lost-stages.ts';
import type { WorkerMetadata } from './types.ts';

interface StageRow extends Omit<WorkerMetadata, 'lastRun'> {
  runId: string | null;
  lastRun: Date | null;
}

/** Every stage with its last run, in the order of the pipeline. A run that is among the lost has failed, whatever its row says. */
export async function readWorkerMetadata(postgres: Queryable, lost: LostStages): Promise<WorkerMetadata[]> {
  const { rows } = await postgres.query<StageRow>(
    `SELECT s.worker_id AS "workerId", s.worker_name AS "workerName", s.version,
            last.workflow_run_id AS "runId", last.started_at AS "lastRun", last.status AS "lastStatus",
            (extract(epoch FROM last.finished_at - last.started_at) * 1000)::float8 AS "lastDuration",
            (SELECT count(*)::int FROM stage_runs r WHERE r.worker_id = s.worker_id) AS "runCount"
       FROM pipeline_stages s
       LEFT JOIN LATERAL (SELECT * FROM stage_runs r WHERE r.worker_id = s.worker_id ORDER BY started_at DESC LIMIT 1) last ON true
      ORDER BY s.position`,
  );
  return rows.map(({ runId, ...row }) => {
    const { lastRun } = row;
    const isLost = row.lastStatus === 'running' && lost.has(runId!);
    const lastDuration = isLost ? millisecondsBetween(lastRun, lost.get(runId!)) : row.lastDuration;
    return {
      ...row,
      lastStatus: isLost ? 'failed' : row.lastStatus,
      lastRun: lastRun?.toISOString() ?? null,
      lastDuration: lastDuration === null ? null : Math.round(lastDuration),
    };
  });
}

const millisecondsBetween = (start: Date | null, end: Date | null | undefined): number | null =>
  start === null || end === null || end === undefined ? null : end.getTime() - start.getTime();
