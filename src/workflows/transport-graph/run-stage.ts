import {
  ActivityCancellationType,
  type ActivityOptions,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  TimeoutFailure,
  isCancellation,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import { nameFailure } from '../failure.ts';
import type { AlertInput, StageDefinition, StageOutcome, StageWork } from './activities.ts';
import type { StageInput, StageResult } from './messages.ts';
import { records } from './retry-profiles.ts';

/** How a stage asks for its one long activity. */
export type Perform = (work: StageWork, options: ActivityOptions) => Promise<StageOutcome>;

const NOTHING = { added: 0, updated: 0, deleted: 0 };
const nonCancellable = <T>(work: () => Promise<T>): Promise<T> => CancellationScope.nonCancellable(work);

/**
 * A stage from admission to its record: admitted or `cannot run`, its attempts with the spec's waits (1 min, then 5), then what became of
 * it, and an alert when it was given up.
 *
 * @throws ApplicationFailure with the stage's code, and its StageResult as detail, so that the run shows as failed
 */
export async function runStage(input: StageInput, perform: Perform): Promise<StageResult> {
  const { runId, workflowId } = workflowInfo();
  const { workerId, pipelineRunId, force = false } = input;
  const scope = CancellationScope.current();
  try {
    // What was recorded must be recorded to its end: neither this nor the end is given up by a cancellation.
    const admission = await nonCancellable(() =>
      records.beginStage({ workerId, workflowId, workflowRunId: runId, pipelineRunId, force }),
    );
    if (admission.decision === 'cannot-run') throw cannotRun(workerId, admission.reason);
    const outcome = await perform({ workerId, workflowRunId: runId, force }, activityOptions(admission.stage));
    return await nonCancellable(() => end(input, outcome));
  } catch (error) {
    const cancelled = isCancellation(error) || scope.consideredCancelled;
    return await nonCancellable(() => (cancelled ? endCancelled(error) : endFailed(input, error)));
  }
}

/** Attempts, waits and timeout of a stage; a stage that is alive says so. */
function activityOptions(stage: StageDefinition): ActivityOptions {
  const { attempts, timeoutMs, heartbeatTimeoutMs, retryWaitMs, retryCoefficient, workerPatienceMs, taskQueue } = stage;
  return {
    startToCloseTimeout: timeoutMs,
    heartbeatTimeout: heartbeatTimeoutMs,
    // A stage that was cancelled has undone its work, or done it, before another run may begin.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: {
      maximumAttempts: attempts,
      initialInterval: retryWaitMs,
      backoffCoefficient: retryCoefficient,
      maximumInterval: '1 hour',
    },
    // Nobody polls an embedding program's queue: say so instead of waiting for the timeout.
    ...(taskQueue === null ? {} : { taskQueue, scheduleToStartTimeout: workerPatienceMs }),
  };
}

async function end({ workerId }: StageInput, outcome: StageOutcome): Promise<StageResult> {
  const { status, message, dataProcessed, alert } = outcome;
  await records.endStage({ workflowRunId: workflowInfo().runId, status, message, failureCode: null, outcome });
  if (alert !== undefined) await tellAdmin({ workerId, ...alert });
  setCurrentDetails(message);
  return { success: true, workerId, status, executionTimeMs: elapsedMs(), message, dataProcessed };
}

async function endCancelled(error: unknown): Promise<never> {
  const message = 'it was cancelled';
  await endStageFailed('Cancelled', message);
  throw isCancellation(error) ? error : new CancelledFailure(message);
}

async function endFailed(input: StageInput, error: unknown): Promise<StageResult> {
  const { workerId, pipelineRunId } = input;
  const notAdmitted = error instanceof ApplicationFailure && error.type === 'CannotRun';
  // Whoever started it alone is told by the answer.
  if (notAdmitted && pipelineRunId === null) throw error;
  const { code, message } = isNobodyThere(error)
    ? { code: 'CannotRun', message: `Worker ${workerId} cannot run: no worker` }
    : nameFailure(error);
  const alert = { message, dedupeKey: `${workerId}/${workflowInfo().runId}` };
  // The source is away: the pipeline goes on with the last dataset, and the next run asks again.
  if (code === 'OdataUnavailable') {
    const subject = `${workerId} was skipped: ${code}`;
    const outcome = { status: 'skipped', message, datasetVersion: null, dataProcessed: NOTHING } as const;
    return end(input, { ...outcome, alert: { ...alert, subject } });
  }
  await endStageFailed(code, message);
  await tellAdmin({ ...alert, workerId, subject: `${workerId} failed: ${code}` });
  throw failed(workerId, code, message);
}

const endStageFailed = (failureCode: string, message: string): Promise<void> =>
  records.endStage({ workflowRunId: workflowInfo().runId, status: 'failed', message, failureCode, outcome: null });

/** Told or not, what became of the run stays as it is. */
export async function tellAdmin(alert: AlertInput): Promise<void> {
  try {
    await records.raiseAlert(alert);
  } catch {
    // The activity has logged why, and nothing here can do better.
  }
}

export function cannotRun(workerId: string, reason: string): ApplicationFailure {
  return failed(workerId, 'CannotRun', `Worker ${workerId} cannot run: ${reason}`);
}

function failed(workerId: string, code: string, message: string): ApplicationFailure {
  const error = { code, message };
  const result: StageResult = {
    success: false,
    workerId,
    status: 'failed',
    executionTimeMs: elapsedMs(),
    message,
    error,
  };
  return ApplicationFailure.create({ type: code, message, nonRetryable: true, details: [result] });
}

const elapsedMs = (): number => Date.now() - workflowInfo().startTime.getTime();

function isNobodyThere(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START') return true;
  }
  return false;
}
