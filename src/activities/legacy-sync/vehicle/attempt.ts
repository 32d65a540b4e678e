import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { setInterval } from 'node:timers';
import type { ProgressStore, SlotProgress, WorkerStatus } from '../../../records/progress.ts';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import { FAILURES, type FailureCode, isFailureCode } from '../../../errors.ts';
import type { CircuitStore } from '../../../pool/circuit-store.ts';
import type { LimitStore } from '../../../pool/limit-store.ts';
import { probeKey } from '../../../pool/probe-key.ts';
import { toFailure } from '../../activity-failures.ts';
import { COST_NO_ATTEMPT } from './export-import-retry.ts';
import type { VehicleWork } from './vehicle-work.ts';
import { type ProgressMeter, createProgressMeter } from './progress-meter.ts';
import type { VehicleContext } from '../vehicle-context.ts';

/** Heartbeats and progress go out once a second: they are at most 2 s old, well within the 10 s heartbeat timeout. */
const TICK_MS = 1_000;
/** Most vehicles are done within a tick. Between ticks only the live progress in Redis is written, which costs Temporal nothing. */
const LIVE_MS = 200;
/** A stage that ends sooner is not written to the vehicle's row; the live progress shows it immediately. */
const STAGE_WRITTEN_AFTER_MS = 100;
/**
 * A vehicle that waits for an open circuit asks again when its pause is over. It asks within some seconds in any case: a probe may
 * succeed, or an operator may close the circuit. Temporal's own interval would grow to half a minute, whatever the circuit's pause is.
 */
const ASKS_CIRCUIT_WITHIN_MS = { least: 1_000, most: 5_000 };

export interface Attempt {
  signal: AbortSignal;
  progress: ProgressMeter;
  /** true stops the work clock, because the vehicle queues for a permit; false starts it again. */
  queued(waiting: boolean): void;
  /** The first call starts the work clock, and fails with NoClaim when the run does not claim the vehicle. */
  setStatus(status: WorkerStatus): Promise<void>;
}

/** A vehicle's part in a run. */
interface VehicleOfRun {
  key: VehicleSyncKey;
  context: VehicleContext;
}

export interface AttemptDependencies {
  work: VehicleWork;
  circuits: CircuitStore;
  limits: LimitStore;
  progress: ProgressStore;
  /** Where the fault tests strike. */
  faultPoint?: (name: string) => void;
}

/**
 * Runs one attempt of a vehicle's export or load with its work clock, lease, heartbeat and live progress. When it fails, the retry rule
 * decides whether it may be tried again.
 */
export async function attemptWork<T>(
  { work, progress, circuits, limits }: AttemptDependencies,
  { key, context }: VehicleOfRun,
  run: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const probing = context.circuit.state !== 'closed';
  if (probing) await askCircuit(circuits, key, context);
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
    const failure = await verdict(work, error, { key, activity, probing });
    // The circuit hears of a failure that is not tried again when the vehicle is settled.
    if (failure instanceof ApplicationFailure && !failure.nonRetryable && isFailureCode(failure.type)) {
      const outcome = { code: failure.type, tookMs: performance.now() - begunAt };
      await tellCircuit(circuits, { key, context }, outcome);
      await tellLimit(limits, { key, context }, outcome);
    }
    throw failure;
  } finally {
    clearInterval(ticker);
    await clock.settle();
  }
}

/** Reports to the meter, and shows the meter's state at most every LIVE_MS. */
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
 * Refuses an attempt while the server's circuit is open; it costs no attempt and Temporal asks again later. A circuit that only a human
 * closes, or that is open for longer than a vehicle may be worked on, fails the vehicle.
 */
async function askCircuit(circuits: CircuitStore, { runId, vehicleId }: VehicleSyncKey, context: VehicleContext) {
  const asked = await circuits.admit(context.server.id, probeKey(runId, vehicleId));
  if (asked.admitted) return;
  throw ApplicationFailure.create({
    message: `Working on vehicle ${context.label}: ${asked.reason}.`,
    type: 'CircuitOpen' satisfies FailureCode,
    nonRetryable: asked.hopeless,
    ...(asked.hopeless ? {} : { nextRetryDelay: asksAgainInMs(asked.retryInMs) }),
  });
}

function asksAgainInMs(pauseMs: number): number {
  const { least, most } = ASKS_CIRCUIT_WITHIN_MS;
  return Math.ceil(Math.min(Math.max(pauseMs, least), most));
}

/** Records the failure with the circuit now: if that waited until the vehicle is settled, all slots would go on asking a server that is down. */
async function tellCircuit(
  circuits: CircuitStore,
  { key, context }: VehicleOfRun,
  outcome: { code: FailureCode; tookMs: number },
): Promise<void> {
  if (!FAILURES[outcome.code].infrastructure) return;
  // When PostgreSQL is away, the caller still throws the attempt's own failure.
  await circuits.record(context.server.id, { key: probeKey(key.runId, key.vehicleId), ...outcome }).catch(() => {});
}

/** As with the circuit: the limit shrinks now, not when the vehicle is settled. */
async function tellLimit(
  limits: LimitStore,
  { key: { runId, vehicleId }, context }: VehicleOfRun,
  outcome: { code: FailureCode; tookMs: number },
): Promise<void> {
  const work = { serverId: context.server.id, runId, key: probeKey(runId, vehicleId) };
  // When PostgreSQL is away, the caller still throws the attempt's own failure.
  await limits.attemptFailed(work, outcome).catch(() => {});
}

/** What the activity throws. A deploy, a cancellation and a failed probe of a circuit cost no attempt either. */
async function verdict(
  work: VehicleWork,
  error: unknown,
  { key, activity, probing }: { key: VehicleSyncKey; activity: Context; probing: boolean },
): Promise<Error> {
  if (activity.cancellationSignal.aborted) {
    return error instanceof CancelledFailure
      ? error
      : new CancelledFailure(`cancelled: ${String(activity.cancellationSignal.reason)}`);
  }
  const failure = toFailure(error);
  if (!failure.retryable) return failure;
  if (COST_NO_ATTEMPT.has(failure.code)) return failure;
  if (probing && failure.infrastructure) {
    const { code: type, message } = failure;
    return ApplicationFailure.create({ message, type, nextRetryDelay: ASKS_CIRCUIT_WITHIN_MS.least });
  }
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

/** Sends its statements in the order of the calls. A statement that fails only makes the clock less exact; the next tick renews the lease. */
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
