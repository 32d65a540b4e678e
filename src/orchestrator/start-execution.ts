import type { Client } from '@temporalio/client';
import { resultOfChain } from '../connections/temporal-chain.ts';
import {
  PIPELINE_WORKFLOW_ID,
  type PipelineResult,
  type StageResult,
  TRANSPORT_GRAPH_TASK_QUEUE,
  stageWorkflowId,
  stageWorkflowType,
} from '../workflows/transport-graph/messages.ts';

/** An execution that has begun. `result` also resolves for a failed run; it rejects only when the run ended in another way. */
export interface StartedExecution<T> {
  workflowId: string;
  runId: string;
  result(): Promise<T>;
}

/** @throws WorkflowExecutionAlreadyStartedError while one is running */
export async function startPipeline(
  temporal: Client,
  { force, requestedBy }: { force: boolean; requestedBy?: string },
): Promise<StartedExecution<PipelineResult>> {
  const handle = await temporal.workflow.start<(input: object) => Promise<PipelineResult>>('transportGraphPipeline', {
    workflowId: PIPELINE_WORKFLOW_ID,
    taskQueue: TRANSPORT_GRAPH_TASK_QUEUE,
    args: [{ force, ...(requestedBy === undefined ? {} : { requestedBy }) }],
    staticSummary: 'OData → virtual entities → graph',
  });
  return started(temporal, handle);
}

/** One stage alone. @throws WorkflowExecutionAlreadyStartedError while it is running */
export async function startStage(
  temporal: Client,
  workerId: string,
  { force }: { force: boolean },
): Promise<StartedExecution<StageResult>> {
  const handle = await temporal.workflow.start<(input: object) => Promise<StageResult>>(stageWorkflowType(workerId), {
    workflowId: stageWorkflowId(workerId),
    taskQueue: TRANSPORT_GRAPH_TASK_QUEUE,
    args: [{ workerId, pipelineRunId: null, force }],
    staticSummary: `stage ${workerId}, started alone`,
  });
  return started(temporal, handle);
}

const started = <T>(
  temporal: Client,
  { workflowId, firstExecutionRunId: runId }: { workflowId: string; firstExecutionRunId: string },
): StartedExecution<T> => ({
  workflowId,
  runId,
  result: () => resultOfChain<T>(temporal, workflowId, runId),
});
