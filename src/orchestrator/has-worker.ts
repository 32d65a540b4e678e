import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';

/** Of Temporal's enum: those that run workflow code. */
const WORKFLOW_TASK_QUEUE = 1;
const LOOK_AGAIN_MS = 250;

/**
 * Whether a worker polls the queue, or begins to within `patienceMs`. Temporal lists a worker that has ended for five minutes; `orNobody`
 * tells whether one takes up what was started meanwhile.
 */
export async function hasWorker(temporal: Client, taskQueue: string, patienceMs: number): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    if ((await pollTimes(temporal, taskQueue)).length > 0) return true;
    if (Date.now() >= deadline) return false;
    await sleep(LOOK_AGAIN_MS);
  }
}

/** When a worker last asked the queue for work, as a number that only grows; 0 when none did within minutes. */
export const newestPoll = async (temporal: Client, taskQueue: string): Promise<number> =>
  Math.max(0, ...(await pollTimes(temporal, taskQueue)));

/** An idle worker polls once a minute, and Temporal still lists a killed worker for five minutes. */
export const SILENT_MS = 2 * 60_000;

async function pollTimes(temporal: Client, taskQueue: string): Promise<number[]> {
  const { pollers } = await temporal.workflowService.describeTaskQueue({
    namespace: temporal.options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: WORKFLOW_TASK_QUEUE,
  });
  return (pollers ?? []).map(
    ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) + (lastAccessTime?.nanos ?? 0) / 1e9,
  );
}
