import {
  ApplicationFailure,
  TerminatedFailure,
  TimeoutFailure,
  defaultPayloadConverter,
  isCancellation,
} from '@temporalio/workflow';

export interface NamedFailure {
  code: string;
  message: string;
}

/** The stable code and message at the bottom of a chain of workflow and activity failures. */
export function nameFailure(error: unknown): NamedFailure {
  let found: NamedFailure | null = null;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ApplicationFailure) found = nameApplicationFailure(cause);
    if (cause instanceof TerminatedFailure) found = { code: 'Cancelled', message: 'the workflow was terminated' };
    if (cause instanceof TimeoutFailure) found = nameTimeout(cause);
  }
  if (found !== null) return found;
  if (isCancellation(error)) return { code: 'Cancelled', message: 'it was cancelled' };
  return { code: 'Unexpected', message: error instanceof Error ? error.message : String(error) };
}

/** Our own failures have a type. One without was made by hand, such as `temporal activity fail` makes it, and holds the operator's words. */
function nameApplicationFailure({ type, message }: ApplicationFailure): NamedFailure {
  if (type) return { code: type, message };
  return {
    code: 'EndedByHand',
    message: `somebody failed it by hand${message ? `: ${message}` : ', without a reason'}`,
  };
}

/**
 * Where attempts failed until their time was over, the last one's failure says what is wrong. The SDK gives it to us only as Temporal sent it;
 * where payloads are encrypted, its message is in one.
 */
function nameTimeout({ message, failure }: TimeoutFailure): NamedFailure {
  const last = failure?.cause;
  const code = last?.applicationFailureInfo?.type;
  if (!last || !code) return { code: 'Lost', message: `no worker answered in time: ${message}` };
  const kept = last.encodedAttributes
    ? defaultPayloadConverter.fromPayload<{ message: string }>(last.encodedAttributes)
    : last;
  return { code, message: kept.message ?? message };
}

/** Whether the workflow ended without running its own cleanup. */
export function endedWithoutCleanup(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof TerminatedFailure) return true;
  }
  return false;
}

/** A child with this id is running. By name: the class lives in @temporalio/common, which workflow code does not import. */
export function isAlreadyStarted(error: unknown): boolean {
  return error instanceof Error && error.name === 'WorkflowExecutionAlreadyStartedError';
}
