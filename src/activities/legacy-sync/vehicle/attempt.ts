import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { setInterval } from 'node:timers';
import type { ProgressStore, WorkerStatus } from '../../../connections/progress.ts';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import { toFailure } from '../../activity-failures.ts';
import type { VehicleWork } from '../fleet/vehicle-work.ts';
import { type ProgressMeter, createProgressMeter } from './progress-meter.ts';
import type { VehicleContext } from './vehicle-context.ts';

/** Heartbeats and progress go out once a second: at most 2 s behind, and a killed worker is noticed by the 10 s heartbeat timeout. */
const TICK_MS = 1_000;
/** A stage that is over sooner is not written to the vehicle's row; the live projection has it at once. */
const STAGE_WRITTEN_AFTER_MS = 100;

export interface Attempt {
  signal: AbortSignal;
  progress: ProgressMeter;
  /** While true the vehicle queues for a permit, and its work clock stands. */
  queued(waiting: boolean): void;
  /** The first one starts the work clock, and fails with NoClaim when the run does not hold the vehicle. */
  setStatus(status: WorkerStatus): Promise<void>;
}

export interface AttemptDependencies {
  work: VehicleWork;
  progress: ProgressStore;
  /** Where the fault tests strike. */
  faultPoint?: (name: string) => void;
}

/**
 * Runs one attempt of a vehicle's export or load: work clock, lease, heartbeat and live progress around it, and afterwards the verdict
 * whether a failure may be tried again.
 */
export async function attemptWork<T>(
  { work, progress }: AttemptDependencies,
  key: VehicleSyncKey,
  context: VehicleContext,
  run: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const activity = Context.current();
  const meter = createProgressMeter(key, context);
  const publish = (): void => {
    const state = meter.read();
    activity.heartbeat(state);
    progress.write(key.runId, state);
  };
  const clock = createWorkClock(work, key);
  const ticker = setInterval(() => {
    publish();
    clock.renewLease();
  }, TICK_MS);
  try {
    return await run({
      signal: activity.cancellationSignal,
      progress: meter,
      queued: (waiting) => (waiting ? clock.stop() : clock.start()),
      setStatus: async (status) => {
        meter.setStatus(status);
        publish();
        await clock.stage(status);
      },
    });
  } catch (error) {
    throw await verdict(work, key, error, activity);
  } finally {
    clearInterval(ticker);
    await clock.settle();
  }
}

/** Deploys, cancellation and a database that is away say nothing about the work: they cost no attempt. */
async function verdict(work: VehicleWork, key: VehicleSyncKey, error: unknown, activity: Context): Promise<Error> {
  if (activity.cancellationSignal.aborted) {
    return error instanceof CancelledFailure
      ? error
      : new CancelledFailure(`cancelled: ${String(activity.cancellationSignal.reason)}`);
  }
  const failure = toFailure(error);
  if (!failure.retryable) return failure;
  if (failure.code === 'CircuitOpen' || failure.code === 'DatabaseUnavailable') return failure;
  const { failures, mayRetry, retryInMs } = await work.recordFailure(key, failure.code);
  const message = mayRetry ? failure.message : `${failure.message} Given up after ${failures} attempts.`;
  return ApplicationFailure.create({
    message,
    type: failure.code,
    nonRetryable: !mayRetry,
    ...(mayRetry ? { nextRetryDelay: retryInMs } : {}),
  });
}

interface WorkClock {
  start(): void;
  stop(): void;
  stage(status: WorkerStatus): Promise<void>;
  renewLease(): void;
  settle(): Promise<void>;
}

/** Statements go out in the order they were asked for; one that fails only makes the clock less exact, and the lease is renewed again. */
function createWorkClock(work: VehicleWork, key: VehicleSyncKey): WorkClock {
  let last: Promise<unknown> = Promise.resolve();
  let renewing = false;
  let begun = false;
  let written: NodeJS.Timeout | undefined;
  const after = (step: () => Promise<unknown>): Promise<unknown> => (last = last.then(step).catch(() => {}));
  return {
    start: () => void after(() => work.begin(key)),
    stop: () => void after(() => work.end(key)),
    async stage(status) {
      clearTimeout(written);
      if (begun) written = setTimeout(() => void after(() => work.enter(key, status)), STAGE_WRITTEN_AFTER_MS);
      else await work.begin(key, status);
      begun = true;
    },
    renewLease() {
      if (renewing) return;
      renewing = true;
      void after(() => work.renewLease(key)).finally(() => (renewing = false));
    },
    async settle() {
      clearTimeout(written);
      await after(() => work.end(key));
    },
  };
}
