import type { Queryable } from '../connections/postgres.ts';
import { type LostStages, lostFate } from './lost-stages.ts';

/** A stage with its last run, in the spec's words. Durations are milliseconds, times are ISO 8601. */
export interface WorkerMetadata {
  workerId: string;
  workerName: string;
  version: string;
  /** null when the stage never ran. */
  lastRun: string | null;
  lastStatus: 'success' | 'failed' | 'skipped' | 'running' | null;
  lastDuration: number | null;
  runCount: number;
}

interface StageRow extends Pick<WorkerMetadata, 'workerId' | 'workerName' | 'version' | 'runCount'> {
  runId: string | null;
  status: WorkerMetadata['lastStatus'];
  startedAt: Date | null;
  finishedAt: Date | null;
}

/** Reads every stage with its last run, in the order of the pipeline. A lost run counts as failed, whatever its row says. */
export async function readWorkerMetadata(postgres: Queryable, lost: LostStages): Promise<WorkerMetadata[]> {
  const { rows } = await postgres.query<StageRow>(
    `SELECT s.worker_id AS "workerId", s.worker_name AS "workerName", s.version,
            last.workflow_run_id AS "runId", last.status, last.started_at AS "startedAt", last.finished_at AS "finishedAt",
            (SELECT count(*)::int FROM stage_runs r WHERE r.worker_id = s.worker_id) AS "runCount"
       FROM pipeline_stages s
       LEFT JOIN LATERAL (SELECT * FROM stage_runs r WHERE r.worker_id = s.worker_id ORDER BY started_at DESC LIMIT 1) last ON true
      ORDER BY s.position`,
  );
  return rows.map((row) => {
    const { workerId, workerName, version, runCount, startedAt } = row;
    const { status, finishedAt } = lostFate(row, lost) ?? row;
    return {
      workerId,
      workerName,
      version,
      lastRun: startedAt?.toISOString() ?? null,
      lastStatus: status,
      lastDuration: startedAt === null || finishedAt === null ? null : finishedAt.getTime() - startedAt.getTime(),
      runCount,
    };
  });
}
