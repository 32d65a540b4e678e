import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { newestPoll } from './has-worker.ts';

const LOOK_EVERY_MS = 500;
/** The value in Temporal's enum for a task that waits in the queue. */
const SCHEDULED = 1;
/** Of a workflow whose first task no worker has begun: it was started, and the task was scheduled. */
const EVENTS_BEFORE_THE_FIRST_TASK = 2;

/** Says that no worker takes the task. */
export const NOBODY = Symbol('nobody');

export interface Errand {
  workflowId: string;
  taskQueue: string;
  /** Only the task that begins the workflow counts: one that has begun waits for the next worker, however long that takes. */
  toBegin?: boolean;
}

export interface Watch {
  /** While Temporal is away, nobody can tell whether a worker is there: a look that fails begins the wait anew. */
  temporal: <T>(look: (client: Client) => Promise<T>) => Promise<T>;
  /** How long the task has to wait in which no worker polls. */
  patienceMs: number;
}

/**
 * Returns the result of `work`, or NOBODY when no worker takes the task. That a worker polls the queue is not enough to know before: a killed
 * worker still counts as polling for some minutes.
 */
export async function orNobody<T>(work: Promise<T>, errand: Errand, watch: Watch): Promise<T | typeof NOBODY> {
  const settled = new AbortController();
  return Promise.race([work, nobodyComes(errand, watch, settled.signal)]).finally(() => settled.abort());
}

/** Never resolves once `signal` is aborted. */
async function nobodyComes(
  errand: Errand,
  { temporal, patienceMs }: Watch,
  signal: AbortSignal,
): Promise<typeof NOBODY> {
  let [seen, since]: [string | null, number] = [null, 0];
  while (!signal.aborted) {
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    const now = await temporal((client) => look(client, errand)).catch(() => null);
    if (now === null || now !== seen) [seen, since] = [now, performance.now()];
    else if (performance.now() - since >= patienceMs && !signal.aborted) return NOBODY;
  }
  return new Promise(() => {});
}

/** Identifies the waiting task and the time of the last poll, by Temporal's clock; null when no task waits. */
async function look(client: Client, { workflowId, taskQueue, toBegin = false }: Errand): Promise<string | null> {
  const { raw, historyLength } = await client.workflow.getHandle(workflowId).describe();
  const task = raw.pendingWorkflowTask;
  if (task?.state !== SCHEDULED) return null;
  if (toBegin && historyLength > EVENTS_BEFORE_THE_FIRST_TASK) return null;
  const { seconds, nanos } = task.scheduledTime ?? {};
  return `${String(seconds)}.${nanos} ${await newestPoll(client, taskQueue)}`;
}

/** Ends a run that no worker took: what cannot run must not begin hours later, when nobody expects it any more. */
export async function withdraw(
  client: Client,
  { workflowId, runId }: { workflowId: string; runId: string },
): Promise<void> {
  await client.workflow.getHandle(workflowId, runId).terminate('no worker took it');
}
