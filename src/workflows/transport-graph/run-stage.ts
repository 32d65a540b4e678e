import {
  ActivityCancellationType,
  type ActivityOptions,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  TimeoutFailure,
  isCancellation,
  patched,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import {
  anyText,
  checkInput,
  checkResult,
  flag,
  object,
  oneOf,
  optional,
  refusal,
  runIdText,
  text,
} from '../check-input.ts';
import { nameFailure } from '../failure.ts';
import { raiseAlert } from '../raise-alert.ts';
import type { StageDefinition, StageOutcome, StageWork } from './activities.ts';
import { type StageInput, type StageResult, cannotRunMessage, isOwnStage, stageWorkflowType } from './messages.ts';
import { records } from './retry-profiles.ts';

/** Calls the stage's one long activity. */
export type Perform = (work: StageWork, options: ActivityOptions) => Promise<StageOutcome>;

/** The source did not answer, not within its time, or not twice the same: the next run asks again. */
const SOURCE_AWAY = new Set(['OdataUnavailable', 'OdataTornRead']);
const OUTCOME = { status: oneOf('success', 'skipped'), message: anyText, dataProcessed: object };
const NOTHING = { added: 0, updated: 0, deleted: 0 };
const nonCancellable = <T>(work: () => Promise<T>): Promise<T> => CancellationScope.nonCancellable(work);

/**
 * Runs one stage: admits it or answers `cannot run`, makes its attempts with the spec's waits (1 min, then 5), records how it ended, and
 * raises an alert when it was given up. `ownId` is the worker id of a stage of ours; null for one of another program.
 *
 * @throws ApplicationFailure with the stage's code, and its StageResult as detail, so that the run shows as failed
 */
export async function runStage(ownId: string | null, input: StageInput, perform: Perform): Promise<StageResult> {
  checkStage(ownId, input);
  const { firstExecutionRunId: runId, workflowId } = workflowInfo();
  const { workerId } = input;
  const pipelineRunId = input.pipelineRunId ?? null;
  const force = input.force ?? false;
  const scope = CancellationScope.current();
  let asked = false;
  try {
    // Not cancellable, as the record of its end: a stage whose begin was recorded must also have its end recorded.
    const admission = await nonCancellable(() =>
      records.beginStage({ workerId, workflowId, workflowRunId: runId, pipelineRunId, force }),
    );
    asked = true;
    if (admission.decision === 'cannot-run') throw cannotRun(workerId, admission.reason);
    const outcome = await perform({ workerId, workflowRunId: runId, force }, activityOptions(admission.stage));
    checkResult(`of ${workerId}`, outcome, OUTCOME);
    return await nonCancellable(() => end(input, outcome));
  } catch (error) {
    const cancelled = isCancellation(error) || scope.consideredCancelled;
    return await nonCancellable(() => (cancelled ? endCancelled(error) : endFailed(input, error, asked)));
  }
}

/** Another stage's id would run this stage's work and record it as the other's. */
function checkStage(ownId: string | null, input: StageInput): void {
  const fields = { pipelineRunId: optional(runIdText), force: optional(flag) };
  const doing = `Starting ${workflowInfo().workflowType}`;
  checkInput(doing, input, { workerId: ownId === null ? text(100) : oneOf(ownId), ...fields });
  if (ownId === null && isOwnStage(input.workerId)) {
    throw refusal(doing, `workerId is ${input.workerId}, which is run by ${stageWorkflowType(input.workerId)}`);
  }
}

/** Attempts, waits and timeouts of a stage; a stage that is alive says so. */
function activityOptions(stage: StageDefinition): ActivityOptions {
  const {
    attempts,
    timeoutMs,
    executionTimeoutMs,
    heartbeatTimeoutMs,
    retryWaitMs,
    retryCoefficient,
    workerPatienceMs,
    taskQueue,
  } = stage;
  return {
    startToCloseTimeout: timeoutMs,
    scheduleToCloseTimeout: executionTimeoutMs,
    heartbeatTimeout: heartbeatTimeoutMs,
    // A cancelled stage must have undone or finished its work before another run may begin.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: {
      maximumAttempts: attempts,
      initialInterval: retryWaitMs,
      backoffCoefficient: retryCoefficient,
      maximumInterval: '1 hour',
    },
    // When no worker polls an embedding program's queue, the stage fails now instead of at the timeout.
    ...(taskQueue === null ? {} : { taskQueue, scheduleToStartTimeout: workerPatienceMs }),
  };
}

async function end({ workerId }: StageInput, outcome: StageOutcome): Promise<StageResult> {
  const { status, message, dataProcessed, alert } = outcome;
  const record = records.endStage({
    workflowRunId: workflowInfo().firstExecutionRunId,
    status,
    message,
    failureCode: null,
    outcome,
  });
  await told(workerId, record, alert);
  setCurrentDetails(message);
  const attention = alert === undefined ? {} : { attention: alert.subject };
  return { success: true, workerId, status, executionTimeMs: elapsedMs(), message, dataProcessed, ...attention };
}

async function endCancelled(error: unknown): Promise<never> {
  const message = 'it was cancelled';
  await endStageFailed('Cancelled', message).catch(unrecorded);
  throw isCancellation(error) ? error : new CancelledFailure(message);
}

/** @param asked whether PostgreSQL was there to admit the stage or refuse it; else there is no row to end, and no sense in asking it again */
async function endFailed(input: StageInput, error: unknown, asked: boolean): Promise<StageResult> {
  const { workerId, pipelineRunId } = input;
  const notAdmitted = error instanceof ApplicationFailure && error.type === 'CannotRun';
  // A stage that was started alone raises no alert: its caller gets the answer.
  if (notAdmitted && (pipelineRunId ?? null) === null) throw error;
  const { code, message } = isNobodyThere(error)
    ? { code: 'CannotRun', message: cannotRunMessage(workerId, 'no worker') }
    : nameFailure(error);
  const alert = { message, dedupeKey: `${workerId}/${workflowInfo().firstExecutionRunId}` };
  // When the source is away, the pipeline goes on with the last dataset, and the next run asks again.
  if (SOURCE_AWAY.has(code)) {
    const subject = `${workerId} was skipped: ${code}`;
    const outcome = { status: 'skipped', message, datasetVersion: null, dataProcessed: NOTHING } as const;
    return end(input, { ...outcome, alert: { ...alert, subject } });
  }
  await told(workerId, asked ? endStageFailed(code, message) : Promise.resolve(), {
    ...alert,
    subject: `${workerId} failed: ${code}`,
  });
  throw failed(workerId, code, message);
}

/**
 * Waits until the end of the stage is recorded and the admin is told. Both are asked for at once: when PostgreSQL is what failed, the admin
 * hears of it although the record waits. How the stage ended stands, whatever becomes of its record.
 */
async function told(workerId: string, record: Promise<void>, alert: StageOutcome['alert']): Promise<void> {
  const recorded = record.catch(unrecorded);
  const telling = (): Promise<void> => (alert === undefined ? Promise.resolve() : raiseAlert({ workerId, ...alert }));
  if (patched('tell-beside-record')) await Promise.all([recorded, telling()]);
  else {
    await recorded;
    await telling();
  }
}

/** The record is written later from this workflow's own answer (src/records/lost-stages.ts). */
const unrecorded = (): void => {};

const endStageFailed = (failureCode: string, message: string): Promise<void> =>
  records.endStage({
    workflowRunId: workflowInfo().firstExecutionRunId,
    status: 'failed',
    message,
    failureCode,
    outcome: null,
  });

export function cannotRun(workerId: string, reason: string): ApplicationFailure {
  return failed(workerId, 'CannotRun', cannotRunMessage(workerId, reason));
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

/** Whether nobody has taken the work up. Somebody who had begun it and is gone has left a failure before this one: then the stage was executed. */
function isNobodyThere(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START') return !cause.failure?.cause;
  }
  return false;
}
