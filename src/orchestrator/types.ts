import type { DataProcessed } from '../workflows/transport-graph/messages.ts';

/** The spec's names and shapes. Durations in milliseconds, times ISO 8601. */
export interface WorkerExecutionResult {
  success: boolean;
  workerId: string;
  executionTimeMs: number;
  message: string;
  dataProcessed?: DataProcessed;
  error?: string;
}

export interface OrchestrationResult {
  success: boolean;
  /** In one sentence: what was done, what was not, and which optional stage failed. */
  message: string;
  totalExecutionTimeMs: number;
  workersExecuted: number;
  workerResults: WorkerExecutionResult[];
  error?: string;
}

/** A stage of the pipeline whose code lives in the embedding program. */
export interface IBackgroundWorker {
  readonly workerName: string;
  readonly version: string;
  /** false: there is nothing to do, and the stage is skipped. */
  canRun?(): Promise<boolean>;
  /** Called at least once per run; must be safe to call again. Aborts when the run is cancelled. */
  execute(context: {
    signal: AbortSignal;
    force: boolean;
  }): Promise<Pick<WorkerExecutionResult, 'message' | 'dataProcessed'>>;
}
