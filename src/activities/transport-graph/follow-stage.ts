import { ApplicationFailure, type Client, WorkflowFailedError } from '@temporalio/client';
import { describeRun, firstRunIdOf } from '../../connections/temporal-chain.ts';
import { isOpen } from '../../connections/temporal-status.ts';
import type { FollowedStage, PipelineActivities } from '../../workflows/transport-graph/activities.ts';
import { PIPELINE_WORKFLOW_ID, type StageResult, stageWorkflowId } from '../../workflows/transport-graph/messages.ts';

/**
 * Looks at the stage that runs, or ran last, under a worker's id: whether a run of this pipeline has started it, and how it ended. A reset
 * gives a pipeline another run, and its stage stays a child of the one before.
 */
export function createFollowStage(temporal: Client): PipelineActivities['followStage'] {
  return async ({ workerId, pipelineRunId }) => {
    const stage = await describeRun(temporal, stageWorkflowId(workerId));
    const parent = stage?.raw.workflowExecutionInfo?.parentExecution;
    if (!stage || parent?.workflowId !== PIPELINE_WORKFLOW_ID) return { state: 'none' };
    const pipeline = await describeRun(temporal, PIPELINE_WORKFLOW_ID, parent.runId ?? undefined);
    if (pipeline === null || firstRunIdOf(pipeline) !== pipelineRunId) return { state: 'none' };
    return isOpen(stage.status.name) ? { state: 'running' } : endOf(temporal, stage);
  };
}

/** A stage that failed has attached its result to its failure. */
async function endOf(temporal: Client, stage: { workflowId: string; runId: string }): Promise<FollowedStage> {
  const handle = temporal.workflow.getHandle<() => Promise<StageResult>>(stage.workflowId, stage.runId);
  try {
    return { state: 'ended', result: await handle.result() };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const told = error.cause instanceof ApplicationFailure ? error.cause.details?.[0] : undefined;
    return told ? { state: 'ended', result: told as StageResult } : { state: 'none' };
  }
}
