import {
  CancelledFailure,
  TerminatedFailure,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
} from '@temporalio/client';
import type { StageRunRow } from '../records/stage-runs.ts';
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

/** The same of a stage's row. */
export function executionOfRow(row: StageRunRow): WorkerExecutionResult {
  const { workerId, status, startedAt, finishedAt, added, updated, deleted } = row;
  const message = row.message ?? '';
  const success = status !== 'failed' && status !== 'running';
  return {
    success,
    workerId,
    executionTimeMs: (finishedAt ?? startedAt).getTime() - startedAt.getTime(),
    message,
    ...(success ? { dataProcessed: { added, updated, deleted } } : { error: message }),
  };
}

/** A pipeline's result in the spec's shape. */
export function orchestrationResult(result: PipelineResult): OrchestrationResult {
  const workerResults = result.workerResults.map(executionResult);
  return { ...result, message: messageOf(result), workerResults };
}

/** What became of the pipeline in one sentence. Nothing that was not done counts as executed, and no stage fails or is kept from its work in silence. */
function messageOf({ success, workerResults, error }: PipelineResult): string {
  if (!success) return `Pipeline failed: ${error}`;
  const remarks = workerResults.flatMap((stage) => stage.attention ?? failureOf(stage) ?? []);
  const idle = workerResults.every(({ status }) => status === 'skipped');
  if (remarks.length > 0) return `Pipeline ${idle ? 'skipped:' : 'executed, and'} ${remarks.join('; ')}`;
  return idle ? 'Pipeline skipped: no stage had anything new to do' : 'Pipeline executed successfully';
}

const failureOf = ({ success, workerId, message }: StageResult): string | null =>
  success ? null : `optional ${workerId} failed: ${message}`;

/** The result of a pipeline that did not answer one itself: `workerResults` has what its stages' rows say. */
export const unansweredPipeline = (error: string, startedAt: number, rows: StageRunRow[]): OrchestrationResult => ({
  success: false,
  message: `Pipeline failed: ${error}`,
  totalExecutionTimeMs: Date.now() - startedAt,
  workersExecuted: rows.filter(({ failureCode }) => failureCode !== 'CannotRun').length,
  workerResults: rows.map(executionOfRow),
  error,
});

/** The result of a stage that did not answer one itself. */
export const unansweredStage = (workerId: string, error: string, startedAt: number): WorkerExecutionResult => ({
  success: false,
  workerId,
  executionTimeMs: Date.now() - startedAt,
  message: error,
  error,
});

export const isRunning = (error: unknown): boolean => error instanceof WorkflowExecutionAlreadyStartedError;

export function reasonOf(error: unknown): string {
  if (error instanceof WorkflowFailedError && error.cause instanceof Error) {
    if (error.cause instanceof CancelledFailure) return 'it was cancelled';
    if (error.cause instanceof TerminatedFailure) return 'the run was terminated';
    return error.cause.message;
  }
  return error instanceof Error ? error.message : String(error);
}
