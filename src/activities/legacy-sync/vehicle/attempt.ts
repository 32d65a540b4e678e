import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { setInterval } from 'node:timers';
import type { ProgressStore, SlotProgress, WorkerStatus } from '../../../connections/progress.ts';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import { FAILURES, Failure, type FailureCode, isFailureCode } from '../../../errors.ts';
import type { BreakerStore } from '../../../pool/breaker-store.ts';
import { probeKey } from '../fleet/claim-round.ts';
import { toApplicationFailure, toFailure } from '../../activity-failures.ts';
import type { VehicleWork } from '../fleet/vehicle-work.ts';
import { type ProgressMeter, createProgressMeter } from './progress-meter.ts';
import type { VehicleContext } from './vehicle-context.ts';

/** Heartbeats and progress go out once a second: at most 2 s behind, and a killed worker is noticed by the 10 s heartbeat timeout. */
const TICK_MS = 1_000;
/** Most vehicles are done within a tick: between ticks the projection alone is told, which costs Temporal nothing and nobody waits for. */
const LIVE_MS = 200;
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
  breakers: BreakerStore;
  progress: ProgressStore;
  /** Where the fault tests strike. */
  faultPoint?: (name: string) => void;
}

/**
 * Runs one attempt of a vehicle's export or load: work clock, lease, heartbeat and live progress around it, and afterwards the verdict
 * whether a failure may be tried again.
 */
export async function attemptWork<T>(
  { work, progress, breakers }: AttemptDependencies,
  key: VehicleSyncKey,
  context: VehicleContext,
  run: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const probing = context.breaker.state !== 'closed';
  if (probing) await askCircuit(breakers, key, context);
  const begunAt = performance.now();
  const activity = Context.current();
  const meter = createProgressMeter(key, context);
  const show = (state: SlotProgress): void => progress.write(key.runId, state);
  const clock = createWorkClock(work, key);
  const ticker = setInterval(() => {
    const state = meter.read();
    activity.heartbeat(state);
    show(state);
    clock.renewLease();
  }, TICK_MS);
  try {
    return await run({
      signal: activity.cancellationSignal,
      progress: { ...meter, report: live(meter, show) },
      queued: (waiting) => (waiting ? clock.stop() : clock.start()),
      setStatus: async (status) => {
        meter.setStatus(status);
        show(meter.read());
        await clock.stage(status);
      },
    });
  } catch (error) {
    const failure = await verdict(work, key, error, { activity, probing });
    // One that is not tried again is told when the vehicle is settled.
    if (failure instanceof ApplicationFailure && !failure.nonRetryable && isFailureCode(failure.type)) {
      await tellCircuit(breakers, key, context, { code: failure.type, tookMs: performance.now() - begunAt });
    }
    throw failure;
  } finally {
    clearInterval(ticker);
    await clock.settle();
  }
}

/** Reports as before, and shows what was reported, LIVE_MS apart. */
function live(meter: ProgressMeter, show: (state: SlotProgress) => void): ProgressMeter['report'] {
  let shownAt = -LIVE_MS;
  return (bytes, rows) => {
    meter.report(bytes, rows);
    if (performance.now() - shownAt < LIVE_MS) return;
    shownAt = performance.now();
    show(meter.read());
  };
}

/**
 * Behind an open circuit an attempt is not begun and costs none: it is asked for again later. A circuit that only a human closes, or that
 * was open for longer than a vehicle may be worked on, ends the vehicle.
 */
async function askCircuit(breakers: BreakerStore, { runId, vehicleId }: VehicleSyncKey, context: VehicleContext) {
  const { admitted, hopeless, reason } = await breakers.admit(context.server.id, probeKey(runId, vehicleId));
  if (admitted) return;
  const refusal = new Failure('CircuitOpen', `Working on vehicle ${context.label}: ${reason}.`);
  if (!hopeless) throw refusal;
  throw ApplicationFailure.create({ message: refusal.message, type: refusal.code, nonRetryable: true });
}

/** Until the vehicle is settled nobody else would hear of it, and all slots would run against the same wall, attempt by attempt. */
async function tellCircuit(
  breakers: BreakerStore,
  { runId, vehicleId }: VehicleSyncKey,
  { server }: VehicleContext,
  outcome: { code: FailureCode; tookMs: number },
): Promise<void> {
  if (!FAILURES[outcome.code].infrastructure) return;
  // PostgreSQL away: the failure itself is what has to be told.
  await breakers.record(server.id, { key: probeKey(runId, vehicleId), ...outcome }).catch(() => {});
}

/** They say nothing about the work, and cost no attempt. */
const COST_NOTHING: ReadonlySet<FailureCode> = new Set(['CircuitOpen', 'DatabaseUnavailable', 'NotStreamed']);

/** Deploys, cancellation and a circuit's probe cost no attempt either. */
async function verdict(
  work: VehicleWork,
  key: VehicleSyncKey,
  error: unknown,
  { activity, probing }: { activity: Context; probing: boolean },
): Promise<Error> {
  if (activity.cancellationSignal.aborted) {
    return error instanceof CancelledFailure
      ? error
      : new CancelledFailure(`cancelled: ${String(activity.cancellationSignal.reason)}`);
  }
  const failure = toFailure(error);
  if (!failure.retryable) return failure;
  if (COST_NOTHING.has(failure.code)) return failure;
  if (probing && failure.infrastructure) return toApplicationFailure(failure);
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
