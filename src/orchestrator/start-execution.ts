import type { Client } from '@temporalio/client';
import {
  PIPELINE_WORKFLOW_ID,
  type PipelineResult,
  type StageResult,
  TRANSPORT_GRAPH_TASK_QUEUE,
  stageWorkflowId,
  stageWorkflowType,
} from '../workflows/transport-graph/messages.ts';
import { toldBy } from './execution-results.ts';

/** Work that has begun. `result` is also told of a run that failed; it throws only when the run ended otherwise. */
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
  return started(handle);
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
  return started(handle);
}

const started = <T>(handle: {
  workflowId: string;
  firstExecutionRunId: string;
  result(): Promise<T>;
}): StartedExecution<T> => ({
  workflowId: handle.workflowId,
  runId: handle.firstExecutionRunId,
  result: () => resultOf(handle.result()),
});

/** A run that failed says what became of it beside its failure. */
async function resultOf<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    const told = toldBy<T>(error);
    if (told === null) throw error;
    return told;
  }
}
