import {
  ApplicationFailure,
  type Client,
  type WorkflowExecutionDescription,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';

/**
 * A workflow that was reset or continued as new goes on under another run id, and keeps the id of its first run. That one is what
 * fleetgraph calls the id of a run, in rows and links.
 */
export const firstRunIdOf = ({ runId, raw }: Pick<WorkflowExecutionDescription, 'runId' | 'raw'>): string =>
  raw.workflowExecutionInfo?.firstRunId || runId;

/** What the run that began as `firstRunId` has become; null when Temporal does not know it. */
export async function describeChain(
  client: Client,
  workflowId: string,
  firstRunId: string,
): Promise<WorkflowExecutionDescription | null> {
  const newest = await describeRun(client, workflowId);
  if (newest === null || firstRunIdOf(newest) === firstRunId) return newest;
  return describeRun(client, workflowId, firstRunId);
}

/** The newest run under an id, or one run; null when Temporal does not know it. */
export async function describeRun(
  client: Client,
  workflowId: string,
  runId?: string,
): Promise<WorkflowExecutionDescription | null> {
  try {
    return await client.workflow.getHandle(workflowId, runId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/**
 * The result of the run that began as `firstRunId`; of a failed one, the result that it attached to its failure. A run that is reset ends as
 * terminated, and the one that goes on is waited for.
 */
export async function resultOfChain<T>(client: Client, workflowId: string, firstRunId: string): Promise<T> {
  for (;;) {
    const runId = (await describeChain(client, workflowId, firstRunId))?.runId ?? firstRunId;
    try {
      return await client.workflow.getHandle<() => Promise<T>>(workflowId, runId).result();
    } catch (error) {
      if (!(error instanceof WorkflowFailedError)) throw error;
      const told = error.cause instanceof ApplicationFailure ? error.cause.details?.[0] : undefined;
      if (told) return told as T;
      const now = await describeChain(client, workflowId, firstRunId);
      if (now === null || now.runId === runId) throw error;
    }
  }
}
