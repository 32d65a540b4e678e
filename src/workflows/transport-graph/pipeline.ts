import {
  ApplicationFailure,
  CancellationScope,
  ParentClosePolicy,
  executeChild,
  getExternalWorkflowHandle,
  log,
  patched,
  setCurrentDetails,
  sleep,
  startChild,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import { checkInput, flag, optional, optionalText } from '../check-input.ts';
import { endedWithoutCleanup, isAlreadyStarted, nameFailure } from '../failure.ts';
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
import { raiseAlert } from '../raise-alert.ts';
import { cannotRun } from './run-stage.ts';

/** Between two looks whether a stage that somebody else started has ended. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;
/** For a stage of which nothing else is known. */
const LONGEST_STAGE_MS = 3_600_000;

/** Every stage in order, each a child of its own. A critical stage that fails stops the pipeline, an optional one does not. */
export async function transportGraphPipeline(given?: PipelineInput | null): Promise<PipelineResult> {
  const input = given ?? {};
  checkInput('Starting the pipeline', input, { requestedBy: optionalText(), force: optional(flag) });
  try {
    return await runStages(input);
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) await cancelFormers();
    throw error;
  }
}

async function runStages(input: PipelineInput): Promise<PipelineResult> {
  const startedAt = Date.now();
  const results: StageResult[] = [];
  for (const stage of await stagesOf(startedAt)) {
    setCurrentDetails(`running ${stage.workerId}`);
    const result = await runChild(stage, input);
    results.push(result);
    if (!result.success && stage.critical) throw stopped(results, startedAt, `${stage.workerId}: ${result.message}`);
  }
  setCurrentDetails(results.map(({ workerId, status }) => `${workerId}: ${status}`).join(', '));
  return pipelineResult(results, startedAt);
}

/** The stages of the pipeline. When PostgreSQL does not tell them, the admin is told. */
async function stagesOf(startedAt: number): Promise<PipelineStage[]> {
  try {
    return await records.readStages();
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    const { code, message } = nameFailure(error);
    const dedupeKey = `pipeline/${pipelineRunId()}`;
    await raiseAlert({ workerId: 'pipeline', message, subject: `the pipeline cannot run: ${code}`, dedupeKey });
    throw stopped([], startedAt, message);
  }
}

async function runChild(stage: PipelineStage, input: PipelineInput): Promise<StageResult> {
  const { workerId } = stage;
  const runId = pipelineRunId();
  try {
    return await startWhenFree(stage, input);
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    const told = toldResult(error) ?? (endedWithoutCleanup(error) ? await resultOfReset(workerId) : null);
    if (told !== null) return told;
    // The stage never began, or ended without raising its own alert (terminated, timed out), so the pipeline raises it.
    const busy = isAlreadyStarted(error);
    const failure = nameFailure(busy ? cannotRun(workerId, 'it is already running') : error);
    const { message, code } = failure;
    if (busy) await recordRefusal(workerId, message);
    await raiseAlert({ workerId, message, subject: `${workerId} failed: ${code}`, dedupeKey: `${workerId}/${runId}` });
    return { success: false, workerId, status: 'failed', executionTimeMs: 0, message, error: failure };
  }
}

/**
 * Runs the stage as a child. While it runs alone, started by somebody else, its end is waited for: a next stage may not work beside it. Then
 * it runs again, which takes no time when the other run has done all there is.
 */
async function startWhenFree(stage: PipelineStage, input: PipelineInput): Promise<StageResult> {
  const giveUpAt = Date.now() + (stage.executionTimeoutMs ?? LONGEST_STAGE_MS);
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      return await startChildOf(stage, input);
    } catch (error) {
      if (!isAlreadyStarted(error)) throw error;
      const former = isReset() ? await resultOfFormer(stage.workerId) : null;
      if (former !== null) return former;
      if (Date.now() >= giveUpAt) throw error;
      setCurrentDetails(`waiting for ${stage.workerId}, which runs alone`);
      await sleep(waitMs);
    }
  }
}

function startChildOf({ workerId, workerName }: PipelineStage, { force = false }: PipelineInput): Promise<StageResult> {
  return executeChild<(input: StageInput) => Promise<StageResult>>(stageWorkflowType(workerId), {
    workflowId: stageWorkflowId(workerId),
    args: [{ workerId, pipelineRunId: pipelineRunId(), force }],
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    staticSummary: workerName,
  });
}

/** A stage that did not begin has no run of its own, and stands in the records nevertheless. */
async function recordRefusal(workerId: string, message: string): Promise<void> {
  const ids = { workflowId: stageWorkflowId(workerId), workflowRunId: uuid4(), pipelineRunId: pipelineRunId() };
  try {
    await records.refuseStage({ workerId, ...ids, message });
  } catch {
    // PostgreSQL is away. The admin is told, and the pipeline's own answer has the refusal.
  }
}

/** A pipeline that was reset goes on with its rows and its stages, which know it by its first run. */
const pipelineRunId = (): string => workflowInfo().firstExecutionRunId;
const isReset = (): boolean => workflowInfo().runId !== pipelineRunId();

/** A stage that was reset by itself looks terminated, and goes on as another run: its result counts. */
async function resultOfReset(workerId: string): Promise<StageResult | null> {
  return patched('stages-that-were-reset') ? resultOfFormer(workerId) : null;
}

/** Waits for the end of a stage that a run of this pipeline has begun and that no child of this one is; null when there is none. */
async function resultOfFormer(workerId: string): Promise<StageResult | null> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    const found = await records.followStage({ workerId, pipelineRunId: pipelineRunId() });
    if (found.state === 'none') return null;
    if (found.state === 'ended') return found.result;
    setCurrentDetails(`waiting for ${workerId}, which was begun before a reset`);
    await sleep(waitMs);
  }
}

/** Stages that the run before a reset began are no children of this one, so that nobody else cancels them, wherever this one was when it was cancelled. */
async function cancelFormers(): Promise<void> {
  if (!isReset()) return;
  await CancellationScope.nonCancellable(async () => {
    for (const { workerId } of await records.readStages()) {
      const { state } = await records.followStage({ workerId, pipelineRunId: pipelineRunId() });
      if (state === 'running') await getExternalWorkflowHandle(stageWorkflowId(workerId)).cancel();
    }
  }).catch((error: unknown) => log.info('a stage of the run before was not cancelled', { error }));
}

/** The result that a failed stage attached to its failure. */
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
    // A stage that cannot run was not executed; its result says why.
    workersExecuted: workerResults.filter(({ error }) => error?.code !== 'CannotRun').length,
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
