import type { Client, WorkflowExecutionStatusName } from '@temporalio/client';
import { describeChain } from '../connections/temporal-chain.ts';
import type { RunState } from '../records/sync-runs.ts';

/** The state of a run that no worker has planned yet, by Temporal's status: the run has no row. A status that is not listed means that it goes on. */
const STATES: Partial<Record<WorkflowExecutionStatusName, RunState['state']>> = {
  COMPLETED: 'completed',
  CANCELLED: 'cancelled',
  FAILED: 'failed',
  TIMED_OUT: 'failed',
  TERMINATED: 'terminated',
};

export const stateInTemporal = (status: WorkflowExecutionStatusName): RunState['state'] => STATES[status] ?? 'running';

/** `lost`: Temporal does not know such a run (any more). */
export async function askForUnplannedRun(
  client: Client,
  { workflowId, runId }: Pick<RunState, 'workflowId' | 'runId'>,
): Promise<Pick<RunState, 'state' | 'finishedAt'>> {
  const found = await describeChain(client, workflowId, runId);
  if (found === null) return { state: 'lost', finishedAt: null };
  const state = stateInTemporal(found.status.name);
  return { state, finishedAt: state === 'running' ? null : (found.closeTime?.toISOString() ?? null) };
}
