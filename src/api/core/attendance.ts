import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Client } from '@temporalio/client';
import { hasWorker, newestPoll } from '../../orchestrator/has-worker.ts';
import { Problem } from './problem.ts';
import { TemporalGateway } from './temporal-gateway.ts';

const LOOK_EVERY_MS = 500;
/** A polling worker gets a task at once, and a worker that is too busy to poll polls again within this time. */
const PATIENCE_MS = 1_000;
/** A worker that has just started sends its first poll within this time. */
const FIRST_POLL_MS = 250;
const RETRY_AFTER_SECONDS = 10;
/** The value in Temporal's enum for a task that waits in the queue. */
const SCHEDULED = 1;

/** Says that no worker takes the task. */
export const NOBODY = Symbol('nobody');

export interface Errand {
  workflowId: string;
  taskQueue: string;
}

/** Distinguishes a task that no worker takes from one that a worker is about to take. Temporal accepts both without saying which it is. */
@Injectable()
export class Attendance {
  readonly #temporal: TemporalGateway;

  constructor(@Inject(TemporalGateway) temporal: TemporalGateway) {
    this.#temporal = temporal;
  }

  /** Throws NoWorker, before anything is begun, when no worker has polled for minutes and none begins to. */
  async expectWorker(taskQueue: string, what: string): Promise<void> {
    const there = await this.#temporal.call((client) => hasWorker(client, taskQueue, FIRST_POLL_MS));
    if (!there) throw noWorker(taskQueue, what);
  }

  /**
   * Returns the result of `work`, or NOBODY when no worker takes the task. The check in `expectWorker` is not enough: a killed worker still
   * counts as polling for some minutes.
   */
  async orNobody<T>(work: Promise<T>, errand: Errand): Promise<T | typeof NOBODY> {
    const settled = new AbortController();
    const nobody = this.#watch(errand, settled.signal);
    return Promise.race([work, nobody]).finally(() => settled.abort());
  }

  /** Resolves when the task has waited for a while in which no worker polled. It never resolves once `signal` is aborted. */
  async #watch(errand: Errand, signal: AbortSignal): Promise<typeof NOBODY> {
    let [seen, since]: [string | null, number] = [null, 0];
    while (!signal.aborted) {
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
      // Temporal is away. `work` itself fails with that.
      const now = await this.#temporal.call((client) => look(client, errand)).catch(() => null);
      if (now === null || now !== seen) [seen, since] = [now, performance.now()];
      else if (performance.now() - since >= PATIENCE_MS && !signal.aborted) return NOBODY;
    }
    return new Promise(() => {});
  }
}

export const noWorker = (taskQueue: string, what: string, left = 'Nothing was done.'): Problem =>
  new Problem(
    'NoWorker',
    `${what}: no worker is polling the task queue ${taskQueue}. ${left} Start one with \`fleetgraph worker\`, and ask again.`,
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  );

/** Identifies the waiting task and the time of the last poll, by Temporal's clock; null when no task waits. */
async function look(client: Client, { workflowId, taskQueue }: Errand): Promise<string | null> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const task = raw.pendingWorkflowTask;
  if (task?.state !== SCHEDULED) return null;
  const { seconds, nanos } = task.scheduledTime ?? {};
  return `${String(seconds)}.${nanos} ${await newestPoll(client, taskQueue)}`;
}
