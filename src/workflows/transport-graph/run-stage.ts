import {
  type ActivityOptions,
  ApplicationFailure,
  CancellationScope,
  TimeoutFailure,
  isCancellation,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import { nameFailure } from '../failure.ts';
import type { StageDefinition, StageOutcome, StageWork } from './activities.ts';
import type { StageInput, StageResult } from './messages.ts';
import { records } from './retry-profiles.ts';

/** How a stage asks for its one long activity. */
export type Perform = (work: StageWork, options: ActivityOptions) => Promise<StageOutcome>;

/**
 * A stage from admission to its record: admitted or `cannot run`, its attempts with the spec's waits (1 min, then 5), then what became of
 * it, and an alert when it was given up.
 *
 * @throws ApplicationFailure with the stage's code, and its StageResult as detail, so that the run shows as failed
 */
export async function runStage(input: StageInput, perform: Perform): Promise<StageResult> {
  const { runId, workflowId, startTime } = workflowInfo();
  const { workerId, pipelineRunId, force = false } = input;
  const admission = await records.beginStage({ workerId, workflowId, workflowRunId: runId, pipelineRunId, force });
  if (admission.decision === 'cannot-run') throw cannotRun(workerId, admission.reason);
  try {
    const outcome = await perform({ workerId, workflowRunId: runId, force }, activityOptions(admission.stage));
    return await end(input, startTime, outcome);
  } catch (error) {
    return await CancellationScope.nonCancellable(() => endFailed(input, startTime, error));
  }
}

/** Attempts, waits and timeout of a stage; a stage that is alive says so within half a minute. */
function activityOptions({
  attempts,
  timeoutMs,
  retryWaitMs,
  retryCoefficient,
  taskQueue,
}: StageDefinition): ActivityOptions {
  return {
    startToCloseTimeout: timeoutMs,
    heartbeatTimeout: '30 seconds',
    retry: {
      maximumAttempts: attempts,
      initialInterval: retryWaitMs,
      backoffCoefficient: retryCoefficient,
      maximumInterval: '1 hour',
    },
    // Nobody polls an embedding program's queue: say so instead of waiting for the timeout.
    ...(taskQueue === null ? {} : { taskQueue, scheduleToStartTimeout: retryWaitMs }),
  };
}

async function end({ workerId }: StageInput, startTime: Date, outcome: StageOutcome): Promise<StageResult> {
  const { status, message, dataProcessed } = outcome;
  await records.endStage({ workflowRunId: workflowInfo().runId, status, message, failureCode: null, outcome });
  setCurrentDetails(message);
  return { success: true, workerId, status, executionTimeMs: Date.now() - startTime.getTime(), message, dataProcessed };
}

async function endFailed(input: StageInput, startTime: Date, error: unknown): Promise<StageResult> {
  const { runId } = workflowInfo();
  const { workerId } = input;
  const { code, message } = isNobodyThere(error)
    ? { code: 'CannotRun', message: `Worker ${workerId} cannot run: no worker` }
    : nameFailure(error);
  // The source is away: the pipeline goes on with the last dataset, and the next run asks again.
  if (code === 'OdataUnavailable') {
    return end(input, startTime, {
      status: 'skipped',
      message,
      datasetVersion: null,
      dataProcessed: { added: 0, updated: 0, deleted: 0 },
    });
  }
  await records.endStage({ workflowRunId: runId, status: 'failed', message, failureCode: code, outcome: null });
  if (isCancellation(error)) throw error;
  await records.raiseAlert({
    workerId,
    subject: `${workerId} failed: ${code}`,
    message,
    dedupeKey: `${workerId}/${runId}`,
  });
  throw failed(workerId, code, message, Date.now() - startTime.getTime());
}

export function cannotRun(workerId: string, reason: string): ApplicationFailure {
  return failed(workerId, 'CannotRun', `Worker ${workerId} cannot run: ${reason}`, 0);
}

function failed(workerId: string, code: string, message: string, executionTimeMs: number): ApplicationFailure {
  const result: StageResult = {
    success: false,
    workerId,
    status: 'failed',
    executionTimeMs,
    message,
    error: { code, message },
  };
  return ApplicationFailure.create({ type: code, message, nonRetryable: true, details: [result] });
}

function isNobodyThere(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START') return true;
  }
  return false;
}
