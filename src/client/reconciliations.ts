import type { Client } from '@temporalio/client';
import { resultOfChain } from '../connections/temporal-chain.ts';
import {
  LEGACY_SYNC_TASK_QUEUE,
  RECONCILE_WORKFLOW_ID,
  REMOVE_EXTRA_WORKFLOW_ID,
  type ReconcileInput,
  type ReconcileSummary,
  type RemoveExtraInput,
  type RemoveExtraResult,
  repairWorkflowId,
} from '../workflows/legacy-sync/messages.ts';
import { describeSelection } from './worker-pool-manager.ts';

export interface StartedReconciliation {
  reconciliationId: string;
  workflowId: string;
  result(): Promise<ReconcileSummary>;
}

/** Starts a reconciliation. @throws WorkflowExecutionAlreadyStartedError while one is under way, whatever it compares */
export async function startReconciliation(temporal: Client, input: ReconcileInput): Promise<StartedReconciliation> {
  const workflowId = RECONCILE_WORKFLOW_ID;
  const { firstExecutionRunId: reconciliationId } = await temporal.workflow.start<
    (input: ReconcileInput) => Promise<ReconcileSummary>
  >('reconcileFleet', {
    workflowId,
    workflowIdConflictPolicy: 'FAIL',
    taskQueue: LEGACY_SYNC_TASK_QUEUE,
    args: [input],
    staticSummary: `comparing ${describeSelection(input).replace(' (delta)', '')} with their source, asked by ${input.requestedBy ?? 'unknown'}`,
  });
  return { reconciliationId, workflowId, result: () => resultOfChain(temporal, workflowId, reconciliationId) };
}

/** Starts the repair of what a reconciliation has found, or joins the one that is under way. */
export async function startRepair(
  temporal: Client,
  reconciliationId: string,
  requestedBy: string,
): Promise<{ workflowId: string; result(): Promise<void> }> {
  const workflowId = repairWorkflowId(reconciliationId);
  const { firstExecutionRunId } = await temporal.workflow.start<(input: object) => Promise<void>>('repairReconciled', {
    workflowId,
    workflowIdConflictPolicy: 'USE_EXISTING',
    taskQueue: LEGACY_SYNC_TASK_QUEUE,
    args: [{ reconciliationId, requestedBy }],
    staticSummary: `bringing in line what reconciliation ${reconciliationId} has found`,
  });
  return { workflowId, result: () => resultOfChain<void>(temporal, workflowId, firstExecutionRunId) };
}

/** Removes rows that repairs have marked as no longer at the source. */
export const removeExtra = (temporal: Client, input: RemoveExtraInput): Promise<RemoveExtraResult> =>
  temporal.workflow.execute<(input: RemoveExtraInput) => Promise<RemoveExtraResult>>('removeExtraPositions', {
    workflowId: REMOVE_EXTRA_WORKFLOW_ID,
    taskQueue: LEGACY_SYNC_TASK_QUEUE,
    args: [input],
    staticSummary: 'removing positions that the source does not have',
  });
