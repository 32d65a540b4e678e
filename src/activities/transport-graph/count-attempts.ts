import type pg from 'pg';
import { namingDatabaseFailures } from '../../connections/database-errors.ts';
import { recordAttempt } from '../../records/stage-runs.ts';
import type { StageOutcome, StageWork } from '../../workflows/transport-graph/activities.ts';
import { toFailure } from '../activity-failures.ts';
import type { StageLog } from './stage-log.ts';

export interface CountAttemptsDependencies {
  pool: pg.Pool;
  /** The number of the current attempt, from 1. */
  attempt: () => number;
  /** Aborted when the stage is cancelled. */
  cancellationSignal: () => AbortSignal;
}

type Stage = (work: StageWork) => Promise<StageOutcome>;

/**
 * Wraps a stage's work. It writes the number of the attempt into the run's row, and the failure into the stage's own log. It also logs when
 * the stage is told to stop: cancelled, out of time, or because the worker stops.
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
          recordAttempt(pool, work.workflowRunId, ids.attempt),
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
