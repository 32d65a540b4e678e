import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { IsAlive } from '../activities/legacy-sync/fleet/reconcile-claims.ts';

/** Asks Temporal whether a workflow is running; with `firstRunId`, whether that very execution is, continued as new or not. */
export function createIsAlive(client: Client): IsAlive {
  return async (workflowId, firstRunId) => {
    try {
      const { status, raw } = await client.workflow.getHandle(workflowId).describe();
      if (status.name !== 'RUNNING') return 'closed';
      const first = raw.workflowExecutionInfo?.firstRunId;
      return firstRunId === undefined || first === firstRunId ? 'running' : 'closed';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'closed';
      throw error;
    }
  };
}
