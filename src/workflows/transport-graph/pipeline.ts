import {
  ApplicationFailure,
  CancellationScope,
  ParentClosePolicy,
  executeChild,
  setCurrentDetails,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { isAlreadyStarted, nameFailure } from '../failure.ts';
import type { StageDefinition } from './activities.ts';
import {
  GRAPH_BUILDER,
  ODATA_SYNC,
  PIPELINE_WORKFLOW_ID,
  type PipelineInput,
  type PipelineResult,
  type StageResult,
  VIRTUAL_ENTITIES,
  stageWorkflowId,
} from './messages.ts';
import { records } from './retry-profiles.ts';
import { cannotRun } from './run-stage.ts';

const WORKFLOW_OF: Record<string, string> = {
  [ODATA_SYNC]: 'odataSync',
  [VIRTUAL_ENTITIES]: 'virtualEntities',
  [GRAPH_BUILDER]: 'graphBuilder',
};

/** Every stage in order, each a child of its own. A critical stage that fails stops the pipeline, an optional one does not. */
export async function transportGraphPipeline(input: PipelineInput = {}): Promise<PipelineResult> {
  const startedAt = Date.now();
  const results: StageResult[] = [];
  for (const stage of await records.readStages()) {
    setCurrentDetails(`running ${stage.workerId}`);
    const result = await runChild(stage, input);
    results.push(result);
    if (!result.success && stage.critical) throw stopped(results, startedAt, `${stage.workerId}: ${result.message}`);
  }
  setCurrentDetails(results.map(({ workerId, status }) => `${workerId}: ${status}`).join(', '));
  return pipelineResult(results, startedAt);
}

async function runChild(stage: StageDefinition, { force = false }: PipelineInput): Promise<StageResult> {
  const { workerId } = stage;
  try {
    return await executeChild<(input: object) => Promise<StageResult>>(WORKFLOW_OF[workerId] ?? 'customStage', {
      workflowId: stageWorkflowId(workerId),
      args: [{ workerId, pipelineRunId: workflowInfo().runId, force }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      staticSummary: stage.workerName,
    });
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    return failedResult(workerId, isAlreadyStarted(error) ? cannotRun(workerId, 'it is already running') : error);
  }
}

/** The result that the stage gave along with its failure; made up where it ended otherwise (terminated, timed out). */
function failedResult(workerId: string, error: unknown): StageResult {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const detail = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined;
    if (detail !== undefined && detail !== null) return detail as StageResult;
  }
  const failure = nameFailure(error);
  return { success: false, workerId, status: 'failed', executionTimeMs: 0, message: failure.message, error: failure };
}

function stopped(results: StageResult[], startedAt: number, error: string): ApplicationFailure {
  const result: PipelineResult = { ...pipelineResult(results, startedAt), success: false, error };
  return ApplicationFailure.create({ type: 'PipelineStopped', message: error, nonRetryable: true, details: [result] });
}

function pipelineResult(workerResults: StageResult[], startedAt: number): PipelineResult {
  return {
    success: true,
    totalExecutionTimeMs: Date.now() - startedAt,
    workersExecuted: workerResults.length,
    workerResults,
  };
}

/**
 * What the Schedule starts: a Schedule appends a timestamp to the ids it starts, so it could overlap a pipeline started by hand. The
 * pipeline itself always has its one id, and lives on when this wrapper is ended.
 */
export async function scheduledPipeline(): Promise<{ status: 'ran' | 'skipped'; result: PipelineResult | null }> {
  try {
    const pipeline = await startChild(transportGraphPipeline, {
      workflowId: PIPELINE_WORKFLOW_ID,
      args: [{ requestedBy: 'schedule' }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
    return { status: 'ran', result: await pipeline.result() };
  } catch (error) {
    if (isAlreadyStarted(error)) return { status: 'skipped', result: null };
    throw error;
  }
}
