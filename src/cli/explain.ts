import { isGrpcServiceError, WorkflowUpdateFailedError } from '@temporalio/client';
import { isDatabaseUnavailable } from '../connections/database-errors.ts';
import { Failure } from '../errors.ts';

/** What a person is told when a command fails; only what nobody foresaw is shown with where it happened. */
export function explain(error: unknown): unknown {
  if (error instanceof Failure) return `${error.code}: ${error.message}`;
  if (error instanceof WorkflowUpdateFailedError && error.cause) return error.cause.message;
  if (isGrpcServiceError(error)) return `TemporalUnavailable: Temporal answered: ${error.details}. Is the server up?`;
  if (isDatabaseUnavailable(error)) {
    return `DatabaseUnavailable: PostgreSQL did not answer (${(error as Error).message}). Is it up, and is FLEETGRAPH_POSTGRES_URL right?`;
  }
  return error;
}
