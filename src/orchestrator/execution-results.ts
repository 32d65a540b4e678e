import { ApplicationFailure, WorkflowExecutionAlreadyStartedError, WorkflowFailedError } from '@temporalio/client';
import type { PipelineResult, StageResult } from '../workflows/transport-graph/messages.ts';
import type { OrchestrationResult, WorkerExecutionResult } from './types.ts';

/** A stage's result in the spec's shape. */
export function executionResult(result: StageResult): WorkerExecutionResult {
  const { success, workerId, executionTimeMs, message, dataProcessed, error } = result;
  return {
    success,
    workerId,
    executionTimeMs,
    message,
    ...(dataProcessed === undefined ? {} : { dataProcessed }),
    ...(error === undefined ? {} : { error: error.message }),
  };
}

/** A pipeline's result in the spec's shape. */
export const orchestrationResult = (result: PipelineResult): OrchestrationResult => ({
  ...result,
  workerResults: result.workerResults.map(executionResult),
});

/** What a failed run says of itself, beside its failure. */
export function toldBy<T>(error: unknown): T | null {
  if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof ApplicationFailure)) return null;
  return (error.cause.details?.[0] as T | undefined) ?? null;
}

export const isRunning = (error: unknown): boolean => error instanceof WorkflowExecutionAlreadyStartedError;

export function reasonOf(error: unknown): string {
  if (error instanceof WorkflowFailedError && error.cause instanceof Error) return error.cause.message;
  return error instanceof Error ? error.message : String(error);
}
