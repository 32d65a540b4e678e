import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import type { ActivityInboundCallsInterceptor } from '@temporalio/worker';
import { isDatabaseUnavailable } from '../connections/database-errors.ts';
import { Failure, isFailureCode } from '../errors.ts';
import type { Logger } from '../logger.ts';

/** An error that already says how Temporal shall treat it passes; a Failure becomes its code; anything else is `Unexpected`. */
export function toApplicationFailure(error: unknown): ApplicationFailure | CancelledFailure {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  const failure = toFailure(error);
  return ApplicationFailure.create({ message: failure.message, type: failure.code, nonRetryable: !failure.retryable });
}

export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (isDatabaseUnavailable(error)) {
    return new Failure(
      'DatabaseUnavailable',
      `Talking to PostgreSQL: ${(error as Error).message}. It is tried again.`,
      { cause: error },
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  return new Failure('Unexpected', `${message}. This is a case fleetgraph does not know: please report it.`, {
    cause: error,
  });
}

/**
 * Every activity's errors become failures with a stable code. The original, with its stack and causes, goes to the log only:
 * drivers put addresses, statements and row text into theirs, and histories are readable.
 */
export function createActivityFailureInterceptor(logger: Logger): ActivityInboundCallsInterceptor {
  return {
    async execute(input, next) {
      try {
        return await next(input);
      } catch (error) {
        const failure = toApplicationFailure(error);
        if (failure instanceof CancelledFailure || Context.current().cancellationSignal.aborted) throw failure;
        const { activityType, attempt, workflowExecution } = Context.current().info;
        const details = { activityType, attempt, workflowId: workflowExecution?.workflowId, code: failure.type };
        if (isFailureCode(failure.type) && failure.type !== 'Unexpected') logger.warn(details, failure.message);
        else logger.error({ ...details, err: error }, failure.message);
        throw failure;
      }
    },
  };
}
