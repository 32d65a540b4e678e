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

/**
 * Around a stage's work: the number of its attempt goes into the run's row, what it failed of into the stage's own log, and when it is told
 * to stop (cancelled, out of time, the worker stops) that too.
 */
export function createCountAttempts({ pool, attempt, cancellationSignal }: CountAttemptsDependencies) {
  return (log: StageLog, stage: Stage): Stage =>
    async (work) => {
      const ids = { attempt: attempt(), run: work.workflowRunId };
      const signal = cancellationSignal();
      const interrupted = (): void => log.warn(`Worker interrupted: ${textOf(signal.reason)}`, ids);
      signal.addEventListener('abort', interrupted, { once: true });
      try {
        await namingDatabaseFailures('Recording the attempt of a stage', () =>
          pool.query('UPDATE stage_runs SET attempts = $2 WHERE workflow_run_id = $1', [
            work.workflowRunId,
            ids.attempt,
          ]),
        );
        return await stage(work);
      } catch (error) {
        if (!signal.aborted) log.error(`Worker failed: ${toFailure(error).message}`, ids);
        throw error;
      } finally {
        signal.removeEventListener('abort', interrupted);
      }
    };
}

const textOf = (reason: unknown): string => (reason instanceof Error ? reason.message : String(reason));
