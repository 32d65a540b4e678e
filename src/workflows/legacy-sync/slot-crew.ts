import {
  CancellationScope,
  ParentClosePolicy,
  condition,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  patched,
  sleep,
} from '@temporalio/workflow';
import { endedWithoutCleanup, isAlreadyStarted } from '../failure.ts';
import { type WorkerSlotResult, wakeSignal, workerSlotWorkflowId } from './messages.ts';
import type { workerSlot } from './worker-slot.ts';

const SLOT_ID_TAKEN_WAIT_MS = 1_000;

/** The worker slots of one run: opens slots up to the wanted number; slots above it retire at their next claim. */
export class SlotCrew {
  readonly #runId: string;
  readonly #fleetWorkflowId: string;
  readonly #open = new Set<number>();
  #wanted = 0;
  #failure: Error | null = null;

  constructor(runId: string, fleetWorkflowId: string) {
    this.#runId = runId;
    this.#fleetWorkflowId = fleetWorkflowId;
  }

  want(workers: number): void {
    this.#wanted = workers;
    for (let slot = 1; slot <= workers; slot += 1) {
      if (this.#open.has(slot)) continue;
      this.#open.add(slot);
      void this.#keepOpen(slot);
    }
  }

  /** Resolves when every slot has ended by itself. @throws what ended a slot otherwise */
  async drained(): Promise<void> {
    await this.ended();
    if (this.#failure !== null) throw this.#failure;
  }

  async ended(): Promise<void> {
    await condition(() => this.#open.size === 0);
  }

  async wake(): Promise<void> {
    await Promise.all([...this.#open].map((slot) => this.#wakeSlot(slot)));
  }

  async #keepOpen(slot: number): Promise<void> {
    try {
      let ended: WorkerSlotResult['retired'] | 'by hand';
      do {
        ended = await this.#runSlot(slot);
        // A lower limit retired this slot, and the limit has risen again meanwhile; or somebody ended the slot and not the run.
      } while (ended === 'by hand' || (ended === 'limit' && slot <= this.#wanted));
    } catch (error) {
      this.#failure ??= error as Error;
      if (!isCancellation(error)) log.error('a worker slot failed, the others go on', { slot, error });
    } finally {
      this.#open.delete(slot);
    }
  }

  async #runSlot(slot: number): Promise<WorkerSlotResult['retired'] | 'by hand'> {
    for (;;) {
      try {
        const { retired } = await executeChild<typeof workerSlot>('workerSlot', {
          workflowId: workerSlotWorkflowId(this.#fleetWorkflowId, slot),
          args: [{ runId: this.#runId, fleetWorkflowId: this.#fleetWorkflowId, slot, workers: this.#wanted }],
          parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
          staticSummary: `worker slot ${slot}`,
        });
        return retired;
      } catch (error) {
        if (isEndedByHand(error)) return 'by hand';
        // A slot of a terminated run that still cleans up has the id for a moment; that of a run that was reset works on under it.
        if (!isAlreadyStarted(error)) throw error;
        await this.#awaitFormer(slot);
      }
    }
  }

  async #awaitFormer(slot: number): Promise<void> {
    try {
      await sleep(SLOT_ID_TAKEN_WAIT_MS, { summary: `worker slot ${slot} of an earlier run is still there` });
    } catch (error) {
      // It is no child of this execution, so that nobody else cancels it.
      if (patched('slots-of-a-reset-run')) await this.#cancelFormer(slot);
      throw error;
    }
  }

  async #cancelFormer(slot: number): Promise<void> {
    const former = getExternalWorkflowHandle(workerSlotWorkflowId(this.#fleetWorkflowId, slot));
    await CancellationScope.nonCancellable(() => former.cancel()).catch((error: unknown) =>
      log.info('a worker slot of the run before the reset could not be cancelled: it has ended', { slot, error }),
    );
  }

  async #wakeSlot(slot: number): Promise<void> {
    try {
      await getExternalWorkflowHandle(workerSlotWorkflowId(this.#fleetWorkflowId, slot)).signal(wakeSignal);
    } catch (error) {
      // The signal may fail: the slot has just ended, or it asks again by itself when its wait is over.
      log.info('could not wake a worker slot', { slot, error });
    }
  }
}

/** Somebody cancelled or terminated the slot alone. What its vehicle had begun is settled or put back; the run goes on with all its slots. */
function isEndedByHand(error: unknown): boolean {
  if (!isCancellation(error) && !endedWithoutCleanup(error)) return false;
  return !CancellationScope.current().consideredCancelled && patched('slots-ended-by-hand');
}
