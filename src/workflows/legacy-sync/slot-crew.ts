import {
  ParentClosePolicy,
  condition,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  sleep,
} from '@temporalio/workflow';
import { isAlreadyStarted } from '../failure.ts';
import { type WorkerSlotResult, wakeSignal, workerSlotWorkflowId } from './messages.ts';
import type { workerSlot } from './worker-slot.ts';

const SLOT_ID_TAKEN_WAIT_MS = 1_000;

/** The worker slots of one run: opens those that are wanted and missing; those above the limit retire at their next claim. */
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
      let retired: WorkerSlotResult['retired'];
      do {
        retired = await this.#runSlot(slot);
        // Retired by a limit that has risen again meanwhile.
      } while (retired === 'limit' && slot <= this.#wanted);
    } catch (error) {
      this.#failure ??= error as Error;
      if (!isCancellation(error)) log.error('a worker slot failed, the others go on', { slot, error });
    } finally {
      this.#open.delete(slot);
    }
  }

  async #runSlot(slot: number): Promise<WorkerSlotResult['retired']> {
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
        // A slot of a terminated run that is still cleaning up holds the id for a moment.
        if (!isAlreadyStarted(error)) throw error;
        await sleep(SLOT_ID_TAKEN_WAIT_MS, { summary: `worker slot ${slot} of an earlier run is still ending` });
      }
    }
  }

  async #wakeSlot(slot: number): Promise<void> {
    try {
      await getExternalWorkflowHandle(workerSlotWorkflowId(this.#fleetWorkflowId, slot)).signal(wakeSignal);
    } catch (error) {
      // The slot has just ended, or asks again by itself when its wait is over.
      log.info('could not wake a worker slot', { slot, error });
    }
  }
}
