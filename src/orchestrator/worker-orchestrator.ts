import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type pg from 'pg';
import { isOpen } from '../connections/temporal-status.ts';
import { type Act, recordAct } from '../records/audit-log.ts';
import { type StageRunRow, stageRunsOf } from '../records/stage-runs.ts';
import {
  NO_WORKER,
  PIPELINE_WORKFLOW_ID,
  TRANSPORT_GRAPH_TASK_QUEUE,
  cannotRunMessage,
  stageWorkflowId,
} from '../workflows/transport-graph/messages.ts';
import type { CustomStages } from './custom-stages.ts';
import {
  executionResult,
  isRunning,
  orchestrationResult,
  reasonOf,
  unansweredPipeline,
  unansweredStage,
} from './execution-results.ts';
import { hasWorker } from './has-worker.ts';
import { MetadataCache } from './metadata-cache.ts';
import { type StartedExecution, startPipeline, startStage } from './start-execution.ts';
import { NOBODY, orNobody, withdraw } from './or-nobody.ts';
import type { WorkerMetadata } from '../records/stage-metadata.ts';
import type { IBackgroundWorker, OrchestrationResult, WorkerExecutionResult } from './types.ts';

export interface WorkerOrchestratorOptions {
  temporal: Client;
  postgres: pg.Pool;
  customStages: CustomStages;
  /** How long to wait for a `fleetgraph worker` before a stage fails for want of one; default: 10 s. */
  workerPatienceMs?: number;
}

/** Who overrides a rule, and why, for the audit log. */
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

  /**
   * Runs every stage in order and waits for the end. A pipeline that is running already is reported, not joined. Never rejects: whatever
   * hinders it, PostgreSQL or Temporal that are away included, is the result's `error`.
   */
  async executeFullPipeline(options: ExecuteOptions = {}): Promise<OrchestrationResult> {
    const startedAt = Date.now();
    let runId: string | null = null;
    try {
      const obstacle = await this.#obstacle();
      if (obstacle !== null) return unansweredPipeline(`The pipeline cannot run: ${obstacle}`, startedAt, []);
      const force = await this.#forced('pipeline', options);
      const started = await startPipeline(this.#temporal, { force });
      runId = started.runId;
      const result = await this.#orWithdrawn(started);
      if (result === NOBODY) return unansweredPipeline(`The pipeline cannot run: ${NO_WORKER}`, startedAt, []);
      return orchestrationResult(result);
    } catch (error) {
      if (isRunning(error)) return unansweredPipeline('The pipeline cannot run: it is already running', startedAt, []);
      return unansweredPipeline(reasonOf(error), startedAt, await this.#stagesOf(runId));
    } finally {
      await this.#refreshQuietly();
    }
  }

  /** Runs one stage alone; it triggers no next one. Never rejects, as `executeFullPipeline`. */
  async executeWorker(workerId: string, options: ExecuteOptions = {}): Promise<WorkerExecutionResult> {
    const startedAt = Date.now();
    const failed = (message: string): WorkerExecutionResult => unansweredStage(workerId, message, startedAt);
    try {
      const obstacle = await this.#obstacle(workerId);
      if (obstacle !== null) return failed(cannotRunMessage(workerId, obstacle));
      const force = await this.#forced(workerId, options);
      const started = await startStage(this.#temporal, workerId, { force });
      const result = await this.#orWithdrawn(started);
      return result === NOBODY ? failed(cannotRunMessage(workerId, NO_WORKER)) : executionResult(result);
    } catch (error) {
      return failed(isRunning(error) ? cannotRunMessage(workerId, 'it is already running') : reasonOf(error));
    } finally {
      await this.#refreshQuietly();
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

  async #cancel(workflowId: string, act: Act): Promise<boolean> {
    const handle = this.#temporal.workflow.getHandle(workflowId);
    try {
      if (!isOpen((await handle.describe()).status.name)) return false;
      await recordAct(this.#postgres, act);
      await handle.cancel();
      return true;
    } catch (error) {
      // It ended meanwhile, or there never was one.
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }

  /** Why what is started would not be taken up, or null. A stage of this process that could not be registered hinders itself and the whole pipeline. */
  async #obstacle(workerId?: string): Promise<string | null> {
    for (const [hindered, reason] of await this.#customStages.ready()) {
      if (workerId === undefined || workerId === hindered) return `registering worker ${hindered}: ${reasonOf(reason)}`;
    }
    return (await hasWorker(this.#temporal, TRANSPORT_GRAPH_TASK_QUEUE, this.#workerPatienceMs)) ? null : NO_WORKER;
  }

  /** The result of what was started. A worker that was killed counts as there for minutes: what nobody takes up is ended, and is NOBODY. */
  async #orWithdrawn<T>(started: StartedExecution<T>): Promise<T | typeof NOBODY> {
    const errand = { workflowId: started.workflowId, taskQueue: TRANSPORT_GRAPH_TASK_QUEUE, toBegin: true };
    const result = await orNobody(started.result(), errand, {
      temporal: (look) => look(this.#temporal),
      patienceMs: this.#workerPatienceMs,
    });
    if (result === NOBODY) await withdraw(this.#temporal, started);
    return result;
  }

  /** What the stages of a run have written; nothing while PostgreSQL does not answer. */
  #stagesOf(runId: string | null): Promise<StageRunRow[]> {
    return runId === null ? Promise.resolve([]) : stageRunsOf(this.#postgres, runId, new Map()).catch(() => []);
  }

  /** The result of an execution stands, whether the metadata can be read now or not: whoever asks for them reads them anew. */
  #refreshQuietly(): Promise<void> {
    return this.#metadata.refresh().catch(() => {});
  }

  async #forced(subject: string, { force }: ExecuteOptions): Promise<boolean> {
    if (force === undefined) return false;
    await recordAct(this.#postgres, { ...force, action: 'stage.forced', subject });
    return true;
  }
}
