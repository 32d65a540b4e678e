import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import type { StageOutcome, StageWork } from '../../../workflows/transport-graph/activities.ts';
import { toFailure } from '../../activity-failures.ts';
import type { StageLog } from '../stage-log.ts';

export interface CountAttemptsDependencies {
  pool: pg.Pool;
  /** Number of the attempt that is under way, from 1. */
  attempt: () => number;
  /** Aborted when the stage is cancelled. */
  cancellationSignal: () => AbortSignal;
}

type Stage = (work: StageWork) => Promise<StageOutcome>;

/** Around a stage's work: the number of its attempt goes into the run's row, and what it failed of into the stage's own log. */
export function createCountAttempts({ pool, attempt, cancellationSignal }: CountAttemptsDependencies) {
  return (log: StageLog, stage: Stage): Stage =>
    async (work) => {
      const number = attempt();
      try {
        await namingDatabaseFailures('Recording the attempt of a stage', () =>
          pool.query('UPDATE stage_runs SET attempts = $2 WHERE workflow_run_id = $1', [work.workflowRunId, number]),
        );
        return await stage(work);
      } catch (error) {
        const ids = { attempt: number, run: work.workflowRunId };
        if (cancellationSignal().aborted) log.warn('Worker stopped: it was cancelled', ids);
        else log.error(`Worker failed: ${toFailure(error).message}`, ids);
        throw error;
      }
    };
}
