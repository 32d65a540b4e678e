import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type pg from 'pg';
import {
  PIPELINE_WORKFLOW_ID,
  TRANSPORT_GRAPH_TASK_QUEUE,
  stageWorkflowId,
} from '../workflows/transport-graph/messages.ts';
import type { CustomStages } from './custom-stages.ts';
import { executionResult, isRunning, orchestrationResult, reasonOf } from './execution-results.ts';
import { hasWorker } from './has-worker.ts';
import { MetadataCache } from './metadata-cache.ts';
import { startPipeline, startStage } from './start-execution.ts';
import type { IBackgroundWorker, OrchestrationResult, WorkerExecutionResult, WorkerMetadata } from './types.ts';

export interface WorkerOrchestratorOptions {
  temporal: Client;
  postgres: pg.Pool;
  customStages: CustomStages;
  /** How long a `fleetgraph worker` may take to appear before nobody is there; 10 s unless said. */
  workerPatienceMs?: number;
}

/** Who overrides a rule, and why: a row of the audit log. */
export interface Override {
  actor: string;
  reason: string;
}

export interface ExecuteOptions {
  /** Bypasses idempotency. */
  force?: Override;
}

const WORKER_PATIENCE_MS = 10_000;

/** The spec's orchestrator, as a client of Temporal: what runs is durable, and any number of orchestrators may exist. */
export class WorkerOrchestrator {
  readonly #temporal: Client;
  readonly #postgres: pg.Pool;
  readonly #customStages: CustomStages;
  readonly #workerPatienceMs: number;
  readonly #metadata: MetadataCache;

  constructor({ temporal, postgres, customStages, workerPatienceMs = WORKER_PATIENCE_MS }: WorkerOrchestratorOptions) {
    this.#temporal = temporal;
    this.#postgres = postgres;
    this.#customStages = customStages;
    this.#workerPatienceMs = workerPatienceMs;
    this.#metadata = new MetadataCache(temporal, postgres);
  }

  /**
   * Adds a stage at the end of the pipeline, run by this process. It counts from the next execution on.
   *
   * @throws Failure `InvalidConfiguration` for an id that is no worker id or one of fleetgraph's own
   */
  registerWorker(workerId: string, worker: IBackgroundWorker): void {
    this.#customStages.add(workerId, worker);
    this.#metadata.add(workerId, worker);
  }

  /** Runs every stage in order and waits for the end. A pipeline that is running already is reported, not joined. */
  async executeFullPipeline(options: ExecuteOptions = {}): Promise<OrchestrationResult> {
    const startedAt = Date.now();
    const stopped = (error: string): OrchestrationResult => ({
      success: false,
      totalExecutionTimeMs: Date.now() - startedAt,
      workersExecuted: 0,
      workerResults: [],
      error,
    });
    if (!(await this.#ready())) return stopped('The pipeline cannot run: no worker');
    try {
      const force = await this.#forced('pipeline', options);
      const started = await startPipeline(this.#temporal, { force });
      return orchestrationResult(await started.result());
    } catch (error) {
      return stopped(isRunning(error) ? 'The pipeline is already running' : reasonOf(error));
    } finally {
      await this.#metadata.refresh();
    }
  }

  /** Runs one stage alone; it triggers no next one. */
  async executeWorker(workerId: string, options: ExecuteOptions = {}): Promise<WorkerExecutionResult> {
    const startedAt = Date.now();
    const failed = (message: string): WorkerExecutionResult => {
      return { success: false, workerId, executionTimeMs: Date.now() - startedAt, message, error: message };
    };
    if (!(await this.#ready())) return failed(`Worker ${workerId} cannot run: no worker`);
    try {
      const force = await this.#forced(workerId, options);
      const started = await startStage(this.#temporal, workerId, { force });
      return executionResult(await started.result());
    } catch (error) {
      return failed(isRunning(error) ? `Worker ${workerId} cannot run: it is already running` : reasonOf(error));
    } finally {
      await this.#metadata.refresh();
    }
  }

  /** At once, as of about a second ago; null for an unknown worker. */
  getWorkerMetadata(workerId: string): WorkerMetadata | null {
    return this.#metadata.get(workerId);
  }

  getAllWorkerMetadata(): WorkerMetadata[] {
    return this.#metadata.all();
  }

  refreshMetadata(): Promise<void> {
    return this.#metadata.refresh();
  }

  /** Ends a pipeline that is running; its stage undoes what it had begun. False when none was running. */
  cancelPipeline(by: Override): Promise<boolean> {
    return this.#cancel(PIPELINE_WORKFLOW_ID, { action: 'pipeline.cancelled', subject: 'pipeline', ...by });
  }

  /** Ends a stage that is running, whether alone or in the pipeline, which stops then if the stage is critical. False when it was not running. */
  cancelWorker(workerId: string, by: Override): Promise<boolean> {
    return this.#cancel(stageWorkflowId(workerId), { action: 'stage.cancelled', subject: workerId, ...by });
  }

  async #cancel(
    workflowId: string,
    { action, subject, actor, reason }: Override & { action: string; subject: string },
  ): Promise<boolean> {
    const handle = this.#temporal.workflow.getHandle(workflowId);
    try {
      if ((await handle.describe()).status.name !== 'RUNNING') return false;
      await this.#audit(actor, action, subject, reason);
      await handle.cancel();
      return true;
    } catch (error) {
      // It ended meanwhile, or there never was one.
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }

  /** False when no worker would take up what is started. */
  async #ready(): Promise<boolean> {
    await this.#customStages.ready();
    return hasWorker(this.#temporal, TRANSPORT_GRAPH_TASK_QUEUE, this.#workerPatienceMs);
  }

  async #forced(subject: string, { force }: ExecuteOptions): Promise<boolean> {
    if (force === undefined) return false;
    await this.#audit(force.actor, 'stage.forced', subject, force.reason);
    return true;
  }

  async #audit(actor: string, action: string, subject: string, reason: string): Promise<void> {
    await this.#postgres.query(`INSERT INTO audit_log (actor, action, subject, reason) VALUES ($1, $2, $3, $4)`, [
      actor,
      action,
      subject,
      reason,
    ]);
  }
}
