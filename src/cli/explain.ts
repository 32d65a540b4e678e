import { isGrpcServiceError, WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import { isDatabaseUnavailable } from '../connections/database-errors.ts';
import { Failure } from '../errors.ts';

/** The message of a failed command; only an unforeseen error is shown with its stack. */
export function explain(error: unknown): unknown {
  if (error instanceof Failure) return `${error.code}: ${error.message}`;
  if (error instanceof WorkflowFailedError || error instanceof WorkflowUpdateFailedError) return reasonOf(error);
  if (isGrpcServiceError(error)) return `TemporalUnavailable: Temporal answered: ${error.details}. Is the server up?`;
  if (isDatabaseUnavailable(error)) {
    return `DatabaseUnavailable: PostgreSQL did not answer (${(error as Error).message}). Is it up, and is FLEETGRAPH_POSTGRES_URL right?`;
  }
  return error;
}

/** Temporal wraps a failure once per activity and workflow that it went through. */
function reasonOf(error: WorkflowFailedError | WorkflowUpdateFailedError): string {
  let reason: Error = error;
  while ((reason === error || reason instanceof TemporalFailure) && reason.cause instanceof Error)
    reason = reason.cause;
  const code = reason instanceof ApplicationFailure && reason.type ? reason.type : 'Unexpected';
  return `${code}: ${reason.message}`;
}
