import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Client } from '@temporalio/client';
import { hasWorker, newestPoll } from '../../orchestrator/has-worker.ts';
import { Problem } from './problem.ts';
import { TemporalGateway } from './temporal-gateway.ts';

const LOOK_EVERY_MS = 500;
/** A worker that polls is given a task at once, and one that is too busy to poll comes back within this. */
const PATIENCE_MS = 1_000;
/** One that was started a moment ago is about to ask for the first time. */
const FIRST_POLL_MS = 250;
const RETRY_AFTER_SECONDS = 10;
/** Of Temporal's enum: a task that lies in the queue. */
const SCHEDULED = 1;

/** What was to be done lies where nobody takes it. */
export const NOBODY = Symbol('nobody');

export interface Errand {
  workflowId: string;
  taskQueue: string;
}

/** Tells what no worker takes from what a worker is about: Temporal accepts both, and says nothing until somebody is there. */
@Injectable()
export class Attendance {
  readonly #temporal: TemporalGateway;

  constructor(@Inject(TemporalGateway) temporal: TemporalGateway) {
    this.#temporal = temporal;
  }

  /** Throws NoWorker where nobody has polled for minutes, nor begins to, before anything is begun. */
  async expectWorker(taskQueue: string, what: string): Promise<void> {
    const there = await this.#temporal.call((client) => hasWorker(client, taskQueue, FIRST_POLL_MS));
    if (!there) throw noWorker(taskQueue, what);
  }

  /** `work`, which a worker is to do, or NOBODY: one that was killed counts as polling for some minutes yet. */
  async orNobody<T>(work: Promise<T>, errand: Errand): Promise<T | typeof NOBODY> {
    const settled = new AbortController();
    const nobody = this.#watch(errand, settled.signal);
    return Promise.race([work, nobody]).finally(() => settled.abort());
  }

  /** Resolves when the task has lain there for a while in which nobody asked for one; never, when `signal` comes first. */
  async #watch(errand: Errand, signal: AbortSignal): Promise<typeof NOBODY> {
    let [seen, since]: [string | null, number] = [null, 0];
    while (!signal.aborted) {
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
      // Temporal away: the work itself tells.
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

/** The task that lies in the queue and the last time that anybody asked for one, by Temporal's clock; null when none lies there. */
async function look(client: Client, { workflowId, taskQueue }: Errand): Promise<string | null> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const task = raw.pendingWorkflowTask;
  if (task?.state !== SCHEDULED) return null;
  const { seconds, nanos } = task.scheduledTime ?? {};
  return `${String(seconds)}.${nanos} ${await newestPoll(client, taskQueue)}`;
}
