import type { Client } from '@temporalio/client';
import type { IsAlive } from '../activities/legacy-sync/fleet/lost-work.ts';
import { describeRun, firstRunIdOf } from '../connections/temporal-chain.ts';
import { isOpen } from '../connections/temporal-status.ts';

/** Asks Temporal whether a workflow is running; with `firstRunId`, whether that very run is, reset or continued as new or not. */
export function createIsAlive(client: Client): IsAlive {
  return async (workflowId, firstRunId) => {
    const found = await describeRun(client, workflowId);
    if (found === null || !isOpen(found.status.name)) return 'closed';
    return firstRunId === undefined || firstRunIdOf(found) === firstRunId ? 'running' : 'closed';
  };
}
