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
import type { Claim, ClaimInput, ClaimedVehicle, VehicleOutcome } from './activities.ts';
import { endedWithoutCleanup, isAlreadyStarted, nameFailure } from '../failure.ts';
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

/**
 * One place in a run, the spec's "worker N": settles the vehicle it had, claims the next one, runs it as a child, until the run has
 * nothing left or has fewer slots than this one's number.
 */
export async function workerSlot(input: WorkerSlotInput): Promise<WorkerSlotResult> {
  const waker = new Waker();
  let { sequence, vehicles, settle } = input.carried ?? { sequence: 0, vehicles: 0, settle: null };
  let workers = input.workers;
  for (;;) {
    if (workflowInfo().historyLength > EVENTS_PER_RUN) {
      return continueAsNew<typeof workerSlot>({ ...input, workers, carried: { sequence, vehicles, settle } });
    }
    sequence += 1;
    const claim = await claimNext({ runId: input.runId, slot: input.slot, sequence, settle });
    settle = null;
    if (claim.workers !== workers) await tellFleet(input, claim.workers);
    workers = claim.workers;
    if (claim.kind === 'retire') return { slot: input.slot, vehicles, retired: claim.reason };
    if (claim.kind === 'wait') {
      await waker.wait(claim);
    } else {
      settle = await runVehicle(input, sequence, claim.vehicle);
      vehicles += 1;
    }
  }
}

/** PostgreSQL away for longer than the local tries: the same claim goes on as an activity with the server's own, durable retry. */
async function claimNext(input: ClaimInput): Promise<Claim> {
  setCurrentDetails(`worker slot ${input.slot}: claiming`);
  try {
    return await quick.claimNext(input);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return database.claimNext(input);
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

/** The vehicle's row is settled before the slot ends, so that a terminated root leaves no claim behind. */
async function settleCancelled(
  input: WorkerSlotInput,
  sequence: number,
  settle: VehicleOutcome,
  error: unknown,
): Promise<never> {
  await CancellationScope.nonCancellable(() =>
    database.claimNext({ runId: input.runId, slot: input.slot, sequence: sequence + 1, settle, settleOnly: true }),
  );
  throw error;
}

/** The root may have closed meanwhile, and a failed signal that nobody awaits would wedge this workflow. */
async function tellFleet(input: WorkerSlotInput, workers: number): Promise<void> {
  try {
    await getExternalWorkflowHandle(input.fleetWorkflowId, input.runId).signal(workersWantedSignal, workers);
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

  async wait({ reason, retryInMs }: Extract<Claim, { kind: 'wait' }>): Promise<void> {
    setCurrentDetails(`waiting: ${reason}`);
    await condition(() => this.#woken, retryInMs);
    this.#woken = false;
  }
}
