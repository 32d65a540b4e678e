import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';

/** Of Temporal's enum: those that run workflow code. */
const WORKFLOW_TASK_QUEUE = 1;
const LOOK_AGAIN_MS = 250;

/**
 * Whether a worker polls the queue, or begins to within `patienceMs`. Temporal forgets one that ended after five minutes: until then a
 * restart is expected, and what was started waits for it.
 */
export async function hasWorker(temporal: Client, taskQueue: string, patienceMs: number): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const { pollers } = await temporal.workflowService.describeTaskQueue({
      namespace: temporal.options.namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: WORKFLOW_TASK_QUEUE,
    });
    if ((pollers ?? []).length > 0) return true;
    if (Date.now() >= deadline) return false;
    await sleep(LOOK_AGAIN_MS);
  }
}
