import {
  CancellationScope,
  ParentClosePolicy,
  condition,
  continueAsNew,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { checkInput, checkResult, object, optional, runIdText, text, wholeNumber } from '../check-input.ts';
import { MAX_WORKERS } from './check-start.ts';
import type { Claim, ClaimInput, ClaimedVehicle, SliceOutcome, VehicleOutcome } from './activities.ts';
import { endedWithoutCleanup, isAlreadyStarted, nameFailure } from '../failure.ts';
import { runSlice } from './run-slice.ts';
import {
  type WorkerSlotInput,
  type WorkerSlotResult,
  vehicleSyncWorkflowId,
  wakeSignal,
  workersWantedSignal,
} from './messages.ts';
import { cleaning, database, quick } from './retry-profiles.ts';
import { fleetRunKey, vehicleIdKey, workerSlotKey } from './search-attributes.ts';
import type { vehicleSync } from './vehicle-sync.ts';

/** A slot's history is cut here, long before the server's limit of 51,200: replaying 2,000 events takes well under a second. */
const EVENTS_PER_RUN = 2_000;

const INPUT = {
  runId: runIdText,
  fleetWorkflowId: text(),
  slot: wholeNumber(1, MAX_WORKERS),
  workers: wholeNumber(1, MAX_WORKERS),
  carried: optional(object),
};

/**
 * One place in a run, the spec's "worker N". It settles its last vehicle, claims the next one and runs it as a child, until the run has no
 * vehicle left or has fewer slots than this slot's number.
 */
export async function workerSlot(input: WorkerSlotInput): Promise<WorkerSlotResult> {
  checkInput('Starting workerSlot', input, INPUT);
  const waker = new Waker();
  let { sequence, vehicles, settle } = input.carried ?? { sequence: 0, vehicles: 0, settle: null };
  let workers = input.workers;
  for (;;) {
    if (workflowInfo().historyLength > EVENTS_PER_RUN) {
      return continueAsNew<typeof workerSlot>({ ...input, workers, carried: { sequence, vehicles, settle } });
    }
    sequence += 1;
    const claim = await claimNext({
      runId: input.runId,
      slot: input.slot,
      sequence,
      settle,
      slices: true,
      knownWorkers: workers,
    });
    settle = null;
    if (claim.workers !== workers || claim.reopen === true) await tellFleet(input, claim.slots ?? claim.workers);
    workers = claim.workers;
    if (claim.kind === 'retire') return { slot: input.slot, vehicles, retired: claim.reason };
    if (claim.kind === 'wait') {
      await waker.wait(claim);
    } else if (claim.kind === 'slice') {
      settle = await settledOrCancelled(input, sequence, () => runSlice(input, claim.slice));
    } else {
      settle = await runVehicle(input, sequence, claim.vehicle);
      vehicles += 1;
    }
  }
}

/** When PostgreSQL is away for longer than the local tries, the same claim is made by an ordinary activity, which Temporal retries durably. */
async function claimNext(input: ClaimInput): Promise<Claim> {
  setCurrentDetails(`worker slot ${input.slot}: claiming`);
  try {
    return await quick.claimNext(input);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return checkResult('claimNext', await database.claimNext(input), {
      kind: text(),
      workers: wholeNumber(1, MAX_WORKERS),
    });
  }
}

async function runVehicle(input: WorkerSlotInput, sequence: number, vehicle: ClaimedVehicle): Promise<VehicleOutcome> {
  const { vehicleId, label } = vehicle;
  setCurrentDetails(`worker slot ${input.slot}: **${label}** (about ${vehicle.plannedRows} rows)`);
  try {
    const totals = await executeChild<typeof vehicleSync>('vehicleSync', {
      workflowId: vehicleSyncWorkflowId(vehicleId),
      args: [
        { runId: input.runId, vehicleId, label, slot: input.slot, mode: vehicle.mode, timeoutMs: vehicle.timeoutMs },
      ],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      staticSummary: `vehicle ${label}, worker slot ${input.slot}`,
      typedSearchAttributes: [
        { key: vehicleIdKey, value: vehicleId },
        { key: workerSlotKey, value: input.slot },
        { key: fleetRunKey, value: input.runId },
      ],
    });
    return { vehicleId, result: 'completed', totals, failure: null };
  } catch (error) {
    const outcome = await outcomeOfFailure(input, vehicleId, error);
    if (CancellationScope.current().consideredCancelled) await settleCancelled(input, sequence, outcome, error);
    return outcome;
  }
}

async function outcomeOfFailure(input: WorkerSlotInput, vehicleId: string, error: unknown): Promise<VehicleOutcome> {
  const totals = { ranges: 0, rows: 0, inserted: 0, duplicates: 0, quarantined: 0, bytes: 0 };
  if (isAlreadyStarted(error)) {
    const failure = { code: 'AlreadyRunning', message: `vehicle ${vehicleId} is being synced by another run` };
    return { vehicleId, result: 'already-running', totals, failure };
  }
  if (endedWithoutCleanup(error)) await cleanUpFor(input, vehicleId);
  return { vehicleId, result: 'failed', totals, failure: nameFailure(error) };
}

async function cleanUpFor({ runId, slot }: WorkerSlotInput, vehicleId: string): Promise<void> {
  await CancellationScope.nonCancellable(() => cleaning.cleanUp({ runId, vehicleId, slot })).catch((error: unknown) =>
    log.warn('cleanup after a terminated vehicle failed, the janitor will remove the files', { vehicleId, error }),
  );
}

async function settledOrCancelled(
  input: WorkerSlotInput,
  sequence: number,
  run: () => Promise<{ outcome: SliceOutcome; error: unknown }>,
): Promise<SliceOutcome> {
  const { outcome, error } = await run();
  if (error !== null && CancellationScope.current().consideredCancelled) {
    await settleCancelled(input, sequence, outcome, error);
  }
  return outcome;
}

/** The vehicle's row is settled before the slot ends, so that a terminated root leaves no claim behind. */
async function settleCancelled(
  input: WorkerSlotInput,
  sequence: number,
  settle: VehicleOutcome | SliceOutcome,
  error: unknown,
): Promise<never> {
  await CancellationScope.nonCancellable(() =>
    database.claimNext({ runId: input.runId, slot: input.slot, sequence: sequence + 1, settle, settleOnly: true }),
  );
  throw error;
}

/**
 * The root may have closed meanwhile, and a failed signal that nobody awaits would wedge this workflow. It is told by its workflow's id alone,
 * because a root that was reset has another run id.
 */
async function tellFleet(input: WorkerSlotInput, workers: number): Promise<void> {
  if (workers === 0) return;
  try {
    await getExternalWorkflowHandle(input.fleetWorkflowId).signal(workersWantedSignal, workers);
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('could not tell the fleet sync how many workers are wanted', { workers, error });
  }
}

class Waker {
  #woken = false;

  constructor() {
    setHandler(wakeSignal, () => {
      this.#woken = true;
    });
  }

  async wait({ reason, retryInMs }: { reason: string; retryInMs: number }): Promise<void> {
    setCurrentDetails(`waiting: ${reason}`);
    await condition(() => this.#woken, retryInMs);
    this.#woken = false;
  }
}
