import {
  ApplicationFailure,
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
} from '@temporalio/client';
import type pg from 'pg';
import {
  GRAPH_BUILDER,
  ODATA_SYNC,
  PIPELINE_WORKFLOW_ID,
  type PipelineResult,
  type StageResult,
  TRANSPORT_GRAPH_TASK_QUEUE,
  VIRTUAL_ENTITIES,
  stageWorkflowId,
} from '../workflows/transport-graph/messages.ts';
import type { CustomStages } from './custom-stages.ts';
import { readWorkerMetadata } from './read-metadata.ts';
import type { IBackgroundWorker, OrchestrationResult, WorkerExecutionResult, WorkerMetadata } from './types.ts';

const WORKFLOW_OF: Record<string, string> = {
  [ODATA_SYNC]: 'odataSync',
  [VIRTUAL_ENTITIES]: 'virtualEntities',
  [GRAPH_BUILDER]: 'graphBuilder',
};

export interface WorkerOrchestratorOptions {
  temporal: Client;
  postgres: pg.Pool;
  customStages: CustomStages;
}

export interface ExecuteOptions {
  /** Bypasses idempotency; who and why go to the audit log. */
  force?: { actor: string; reason: string };
}

/** The spec's orchestrator, as a client of Temporal: what runs is durable, and any number of orchestrators may exist. */
export class WorkerOrchestrator {
  readonly #temporal: Client;
  readonly #postgres: pg.Pool;
  readonly #customStages: CustomStages;
  #metadata = new Map<string, WorkerMetadata>();

  constructor({ temporal, postgres, customStages }: WorkerOrchestratorOptions) {
    this.#temporal = temporal;
    this.#postgres = postgres;
    this.#customStages = customStages;
  }

  /** Adds a stage at the end of the pipeline, run by this process. It counts from the next execution on. */
  registerWorker(workerId: string, worker: IBackgroundWorker): void {
    this.#customStages.add(workerId, worker);
    this.#metadata.set(workerId, neverRan(workerId, worker));
  }

  /** Runs every stage in order and waits for the end. A pipeline that is running already is reported, not joined. */
  async executeFullPipeline(options: ExecuteOptions = {}): Promise<OrchestrationResult> {
    const startedAt = Date.now();
    await this.#customStages.ready();
    await this.#audit('pipeline', options);
    try {
      const result = await this.#temporal.workflow.execute<(input: object) => Promise<PipelineResult>>(
        'transportGraphPipeline',
        {
          workflowId: PIPELINE_WORKFLOW_ID,
          taskQueue: TRANSPORT_GRAPH_TASK_QUEUE,
          args: [{ force: options.force !== undefined }],
          staticSummary: 'OData → virtual entities → graph',
        },
      );
      return { ...result, workerResults: result.workerResults.map(executionResult) };
    } catch (error) {
      const told = detailOf<PipelineResult>(error);
      if (told !== null) return { ...told, workerResults: told.workerResults.map(executionResult) };
      return {
        success: false,
        totalExecutionTimeMs: Date.now() - startedAt,
        workersExecuted: 0,
        workerResults: [],
        error: reason(error),
      };
    } finally {
      await this.refreshMetadata();
    }
  }

  /** Runs one stage alone; it triggers no next one. */
  async executeWorker(workerId: string, options: ExecuteOptions = {}): Promise<WorkerExecutionResult> {
    const startedAt = Date.now();
    await this.#customStages.ready();
    await this.#audit(workerId, options);
    try {
      const result = await this.#temporal.workflow.execute<(input: object) => Promise<StageResult>>(
        WORKFLOW_OF[workerId] ?? 'customStage',
        {
          workflowId: stageWorkflowId(workerId),
          taskQueue: TRANSPORT_GRAPH_TASK_QUEUE,
          args: [{ workerId, pipelineRunId: null, force: options.force !== undefined }],
          staticSummary: `stage ${workerId}, started alone`,
        },
      );
      return executionResult(result);
    } catch (error) {
      const told = detailOf<StageResult>(error);
      if (told !== null) return executionResult(told);
      const message = isRunning(error) ? `Worker ${workerId} cannot run: it is already running` : reason(error);
      return { success: false, workerId, executionTimeMs: Date.now() - startedAt, message, error: message };
    } finally {
      await this.refreshMetadata();
    }
  }

  /** As of the last execution or refresh; null for an unknown worker. */
  getWorkerMetadata(workerId: string): WorkerMetadata | null {
    return this.#metadata.get(workerId) ?? null;
  }

  getAllWorkerMetadata(): WorkerMetadata[] {
    return [...this.#metadata.values()];
  }

  async refreshMetadata(): Promise<void> {
    const rows = await readWorkerMetadata(this.#postgres);
    this.#metadata = new Map(rows.map((row) => [row.workerId, row]));
  }

  /** Ends a pipeline that is running; its stage cleans up. False when none was running. */
  async cancelPipeline(): Promise<boolean> {
    const handle = this.#temporal.workflow.getHandle(PIPELINE_WORKFLOW_ID);
    const { status } = await handle.describe().catch(() => ({ status: { name: 'COMPLETED' } }));
    if (status.name !== 'RUNNING') return false;
    await handle.cancel();
    return true;
  }

  async #audit(subject: string, { force }: ExecuteOptions): Promise<void> {
    if (force === undefined) return;
    await this.#postgres.query(
      `INSERT INTO audit_log (actor, action, subject, reason) VALUES ($1, 'stage.forced', $2, $3)`,
      [force.actor, subject, force.reason],
    );
  }
}

function executionResult({
  success,
  workerId,
  executionTimeMs,
  message,
  dataProcessed,
  error,
}: StageResult): WorkerExecutionResult {
  return {
    success,
    workerId,
    executionTimeMs,
    message,
    ...(dataProcessed === undefined ? {} : { dataProcessed }),
    ...(error === undefined ? {} : { error: error.message }),
  };
}

function neverRan(workerId: string, { workerName, version }: IBackgroundWorker): WorkerMetadata {
  return { workerId, workerName, version, lastRun: null, lastStatus: null, lastDuration: null, runCount: 0 };
}

/** What a failed run says of itself, beside its failure. */
function detailOf<T>(error: unknown): T | null {
  if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof ApplicationFailure)) return null;
  return (error.cause.details?.[0] as T | undefined) ?? null;
}

const isRunning = (error: unknown): boolean => error instanceof WorkflowExecutionAlreadyStartedError;

function reason(error: unknown): string {
  if (isRunning(error)) return 'The pipeline is already running';
  if (error instanceof WorkflowFailedError && error.cause instanceof Error) return error.cause.message;
  return error instanceof Error ? error.message : String(error);
}
