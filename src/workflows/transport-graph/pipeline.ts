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
import type { PipelineStage } from './activities.ts';
import {
  PIPELINE_WORKFLOW_ID,
  type PipelineInput,
  type PipelineResult,
  type StageInput,
  type StageResult,
  stageWorkflowId,
  stageWorkflowType,
} from './messages.ts';
import { records } from './retry-profiles.ts';
import { cannotRun, tellAdmin } from './run-stage.ts';

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

async function runChild(stage: PipelineStage, { force = false }: PipelineInput): Promise<StageResult> {
  const { workerId, workerName } = stage;
  const { runId } = workflowInfo();
  try {
    return await executeChild<(input: StageInput) => Promise<StageResult>>(stageWorkflowType(workerId), {
      workflowId: stageWorkflowId(workerId),
      args: [{ workerId, pipelineRunId: runId, force }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      staticSummary: workerName,
    });
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    const told = toldResult(error);
    if (told !== null) return told;
    // It never began, or ended without a word (terminated, timed out): the admin is told by us.
    const failure = nameFailure(isAlreadyStarted(error) ? cannotRun(workerId, 'it is already running') : error);
    const { message, code } = failure;
    await tellAdmin({ workerId, message, subject: `${workerId} failed: ${code}`, dedupeKey: `${workerId}/${runId}` });
    return { success: false, workerId, status: 'failed', executionTimeMs: 0, message, error: failure };
  }
}

/** The result that the stage gave along with its failure. */
function toldResult(error: unknown): StageResult | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const detail = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined;
    if (detail !== undefined && detail !== null) return detail as StageResult;
  }
  return null;
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
