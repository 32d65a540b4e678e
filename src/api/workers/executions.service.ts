import { Inject, Injectable } from '@nestjs/common';
import { type Client, WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import type { Config } from '../../config.ts';
import { executionResult, isRunning, orchestrationResult, reasonOf } from '../../orchestrator/execution-results.ts';
import { type StartedExecution, startPipeline, startStage } from '../../orchestrator/start-execution.ts';
import {
  ODATA_SYNC,
  PIPELINE_WORKFLOW_ID,
  type PipelineResult,
  type StageResult,
  TRANSPORT_GRAPH_TASK_QUEUE,
  stageWorkflowId,
} from '../../workflows/transport-graph/messages.ts';
import type { Actor } from '../auth/actor.ts';
import { Answer, accepted } from '../core/answer.ts';
import { Attendance, NOBODY } from '../core/attendance.ts';
import { Audit } from '../core/audit.ts';
import { LATE, orLate, preferenceApplied, preferredWaitMs } from '../core/prefer.ts';
import { Problem } from '../core/problem.ts';
import { Stopping } from '../core/stopping.ts';
import { TemporalGateway, isAway } from '../core/temporal-gateway.ts';
import { CONFIG } from '../core/tokens.ts';
import { WorkersService } from './workers.service.ts';

interface Execution {
  actor: Actor;
  force: boolean;
  reason?: string | undefined;
  prefer?: string | undefined;
}

const linkTo = (runId: string): string => `/api/v1/workers/runs/${runId}`;

/** Starts, awaits and ends runs of the pipeline. The work belongs to Temporal: nobody has to wait here for it to go on. */
@Injectable()
export class ExecutionsService {
  readonly #temporal: TemporalGateway;
  readonly #attendance: Attendance;
  readonly #workers: WorkersService;
  readonly #audit: Audit;
  readonly #stopping: Stopping;
  readonly #longestWaitMs: number;

  constructor(
    @Inject(TemporalGateway) temporal: TemporalGateway,
    @Inject(Attendance) attendance: Attendance,
    @Inject(WorkersService) workers: WorkersService,
    @Inject(Audit) audit: Audit,
    @Inject(Stopping) stopping: Stopping,
    @Inject(CONFIG) config: Config,
  ) {
    this.#temporal = temporal;
    this.#attendance = attendance;
    this.#workers = workers;
    this.#audit = audit;
    this.#stopping = stopping;
    this.#longestWaitMs = config.api.longestWaitMs;
  }

  async pipeline(execution: Execution): Promise<unknown> {
    const { force, actor } = execution;
    const run = await this.#start('pipeline', PIPELINE_WORKFLOW_ID, execution, (client) =>
      startPipeline(client, { force, requestedBy: actor.name }),
    );
    return this.#answer(run, execution, pipelineAnswer);
  }

  async worker(workerId: string, execution: Execution): Promise<unknown> {
    await this.#workers.known(workerId);
    const { force } = execution;
    const run = await this.#start(workerId, stageWorkflowId(workerId), execution, (client) =>
      startStage(client, workerId, { force }),
    );
    return this.#answer(run, execution, stageAnswer);
  }

  cancelPipeline({ actor, reason }: { actor: Actor; reason?: string | undefined }): Promise<object> {
    return this.#cancel('pipeline', PIPELINE_WORKFLOW_ID, actor, reason);
  }

  async cancelWorker(
    workerId: string,
    { actor, reason }: { actor: Actor; reason?: string | undefined },
  ): Promise<object> {
    await this.#workers.known(workerId);
    return this.#cancel(workerId, stageWorkflowId(workerId), actor, reason);
  }

  async #start<T>(
    subject: string,
    workflowId: string,
    { actor, force, reason }: Execution,
    start: (client: Client) => Promise<StartedExecution<T>>,
  ): Promise<StartedExecution<T>> {
    const action = force ? 'stage.forced' : 'stage.start';
    await this.#audit.record({ actor, action, subject, reason });
    try {
      const run = await this.#temporal.call(start);
      await this.#audit.record({ actor, action: 'stage.started', subject, reason, details: { runId: run.runId } });
      return run;
    } catch (error) {
      if (!isRunning(error)) throw error;
      const { runId } = await this.#temporal.call((client) => client.workflow.getHandle(workflowId).describe());
      const what = subject === 'pipeline' ? 'The pipeline' : `Worker ${subject}`;
      throw new Problem('AlreadyRunning', `${what} cannot run: it is already running.`, { link: linkTo(runId) });
    }
  }

  async #answer<T>(run: StartedExecution<T>, { prefer }: Execution, answer: (result: T) => unknown): Promise<unknown> {
    const waitMs = Math.min(preferredWaitMs(prefer) ?? this.#longestWaitMs, this.#longestWaitMs);
    const late = (message = 'The work goes on.'): Answer =>
      accepted(
        { success: true, message, runId: run.runId, link: linkTo(run.runId) },
        linkTo(run.runId),
        preferenceApplied(prefer),
      );
    try {
      const done = this.#stopping.orStopping(orLate(run.result(), waitMs), LATE);
      const errand = { workflowId: run.workflowId, taskQueue: TRANSPORT_GRAPH_TASK_QUEUE };
      const result = await this.#attendance.orNobody(done, errand);
      if (result === NOBODY) return late('No worker is there: the work waits for one. `fleetgraph worker` starts one.');
      return result === LATE ? late() : answer(result);
    } catch (error) {
      // Temporal went away while we waited. What was started goes on when it is back.
      if (isAway(error)) return late();
      if (error instanceof WorkflowFailedError) {
        const message = reasonOf(error);
        return { success: false, message, error: message };
      }
      throw error;
    }
  }

  async #cancel(subject: string, workflowId: string, actor: Actor, reason: string | undefined): Promise<object> {
    await this.#audit.record({ actor, action: 'stage.cancel', subject, reason });
    const notRunning = new Problem('WrongState', `Cancelling ${subject}: it is not running.`);
    await this.#temporal.call(async (client) => {
      const handle = client.workflow.getHandle(workflowId);
      try {
        const { status } = await handle.describe();
        if (status.name !== 'RUNNING') throw notRunning;
        await handle.cancel();
      } catch (error) {
        throw error instanceof WorkflowNotFoundError ? notRunning : error;
      }
    });
    return { success: true, message: `${subject} is being cancelled` };
  }
}

function pipelineAnswer(result: PipelineResult): object {
  const { success, totalExecutionTimeMs, workersExecuted, workerResults, error } = orchestrationResult(result);
  const message = success ? 'Pipeline executed successfully' : `Pipeline failed: ${error}`;
  return {
    success,
    message,
    totalExecutionTimeMs,
    workersExecuted,
    workerResults,
    ...(error === undefined ? {} : { error }),
  };
}

function stageAnswer(stage: StageResult): object {
  const { workerId, success, status, message, error } = stage;
  if (error?.code === 'CannotRun') throw new Problem('CannotRun', message);
  // The source had nothing new, which only fetching it can tell; the other stages knew it before they began.
  if (status === 'skipped' && workerId !== ODATA_SYNC) {
    throw new Problem('CannotRun', `Worker ${workerId} cannot run: ${message}`);
  }
  return {
    success,
    message: success ? `Worker ${workerId} executed successfully` : `Worker ${workerId} failed: ${message}`,
    result: executionResult(stage),
    ...(error === undefined ? {} : { error: error.message }),
  };
}
