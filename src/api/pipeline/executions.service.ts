import { Inject, Injectable } from '@nestjs/common';
import {
  type Client,
  type WorkflowExecutionDescription,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Config } from '../../config.ts';
import { describeRun, firstRunIdOf } from '../../connections/temporal-chain.ts';
import { isOpen } from '../../connections/temporal-status.ts';
import {
  executionResult,
  isRunning,
  orchestrationResult,
  reasonOf,
  unansweredPipeline,
  unansweredStage,
} from '../../orchestrator/execution-results.ts';
import { type StartedExecution, startPipeline, startStage } from '../../orchestrator/start-execution.ts';
import { NOBODY } from '../../orchestrator/or-nobody.ts';
import type { WorkerExecutionResult } from '../../orchestrator/types.ts';
import {
  NO_WORKER,
  PIPELINE_WORKFLOW_ID,
  type StageResult,
  TRANSPORT_GRAPH_TASK_QUEUE,
  cannotRunMessage,
  stageWorkflowId,
} from '../../workflows/transport-graph/messages.ts';
import type { Actor } from '../core/actor.ts';
import { Answer, accepted } from '../core/answer.ts';
import { Attendance } from '../core/attendance.ts';
import { type ActOfRequest, Audit } from '../core/audit.ts';
import { LATE, orLate } from '../core/or-late.ts';
import { preferenceApplied, preferredWaitMs } from '../core/prefer-header.ts';
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

/** Starts, awaits and ends runs of the pipeline. Temporal keeps them going, so nobody has to wait here. */
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
    return this.#answer(run, 'pipeline', execution, {
      answer: (result) => orchestrationResult(result),
      unanswered: async (reason, since) => unansweredPipeline(reason, since, await this.#workers.stagesOf(run.runId)),
    });
  }

  async worker(workerId: string, execution: Execution): Promise<unknown> {
    await this.#workers.runnable(workerId);
    const { force } = execution;
    const run = await this.#start(workerId, stageWorkflowId(workerId), execution, (client) =>
      startStage(client, workerId, { force }),
    );
    return this.#answer(run, workerId, execution, {
      answer: stageAnswer,
      unanswered: async (reason, since) => failedStage(unansweredStage(workerId, reason, since)),
    });
  }

  cancelPipeline({ actor, reason }: { actor: Actor; reason?: string | undefined }): Promise<object> {
    return this.#cancel(PIPELINE_WORKFLOW_ID, { actor, action: 'pipeline.cancelled', subject: 'pipeline', reason });
  }

  async cancelWorker(
    workerId: string,
    { actor, reason }: { actor: Actor; reason?: string | undefined },
  ): Promise<object> {
    await this.#workers.known(workerId);
    return this.#cancel(stageWorkflowId(workerId), { actor, action: 'stage.cancelled', subject: workerId, reason });
  }

  async #start<T>(
    subject: string,
    workflowId: string,
    { actor, force, reason }: Execution,
    start: (client: Client) => Promise<StartedExecution<T>>,
  ): Promise<StartedExecution<T>> {
    const action = force ? 'stage.forced' : 'stage.start';
    await this.#audit.record({ actor, action, subject, reason });
    await this.#expectWorker(subject, workflowId);
    try {
      const run = await this.#temporal.call(start);
      await this.#audit.record({ actor, action: 'stage.started', subject, reason, details: { runId: run.runId } });
      return run;
    } catch (error) {
      if (!isRunning(error)) throw error;
      throw alreadyRunning(subject, firstRunIdOf((await this.#lastRun(workflowId))!));
    }
  }

  /** null: there was none, or Temporal has forgotten it. */
  #lastRun(workflowId: string): Promise<WorkflowExecutionDescription | null> {
    return this.#temporal.call((client) => describeRun(client, workflowId));
  }

  /** Throws CannotRun, before anything is begun, when no worker has polled for minutes and none begins to. */
  async #expectWorker(subject: string, workflowId: string): Promise<void> {
    try {
      await this.#attendance.expectWorker(TRANSPORT_GRAPH_TASK_QUEUE, subject);
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'NoWorker') throw error;
      const last = await this.#lastRun(workflowId);
      throw last !== null && isOpen(last.status.name)
        ? alreadyRunning(subject, firstRunIdOf(last))
        : nobodyThere(subject);
    }
  }

  async #answer<T>(
    run: StartedExecution<T>,
    subject: string,
    { prefer }: Execution,
    { answer, unanswered }: Answers<T>,
  ): Promise<unknown> {
    const since = Date.now();
    const waitMs = Math.min(preferredWaitMs(prefer) ?? this.#longestWaitMs, this.#longestWaitMs);
    const late = (): Answer =>
      accepted(
        { success: true, message: 'The work goes on.', runId: run.runId, link: linkTo(run.runId) },
        linkTo(run.runId),
        preferenceApplied(prefer),
      );
    try {
      const done = this.#stopping.orStopping(orLate(run.result(), waitMs), LATE);
      const errand = { workflowId: run.workflowId, taskQueue: TRANSPORT_GRAPH_TASK_QUEUE, toBegin: true };
      const result = await this.#attendance.orNobody(done, errand);
      if (result === NOBODY) {
        await this.#attendance.withdraw(run);
        throw nobodyThere(subject);
      }
      return result === LATE ? late() : answer(result);
    } catch (error) {
      // Temporal went away during the wait. The run goes on once Temporal is back.
      if (isAway(error)) return late();
      if (error instanceof WorkflowFailedError) return unanswered(reasonOf(error), since);
      throw error;
    }
  }

  async #cancel(workflowId: string, act: ActOfRequest): Promise<object> {
    const { subject } = act;
    const notRunning = new Problem('WrongState', `Cancelling ${subject}: it is not running.`);
    const steer = <T>(work: (handle: WorkflowHandle) => Promise<T>): Promise<T> =>
      this.#temporal.call(async (client) => {
        try {
          return await work(client.workflow.getHandle(workflowId));
        } catch (error) {
          throw error instanceof WorkflowNotFoundError ? notRunning : error;
        }
      });
    const { status } = await steer((handle) => handle.describe());
    if (!isOpen(status.name)) throw notRunning;
    await this.#audit.record(act);
    await steer((handle) => handle.cancel());
    return { success: true, message: `${subject} is being cancelled` };
  }
}

/** The answer of a run with a result, and of one that ended without: cancelled, terminated. */
interface Answers<T> {
  answer: (result: T) => object;
  /** `since`: when the wait began, in ms. */
  unanswered: (reason: string, since: number) => Promise<object>;
}

const cannotRun = (subject: string, reason: string): string =>
  subject === 'pipeline' ? `The pipeline cannot run: ${reason}` : cannotRunMessage(subject, reason);

const alreadyRunning = (subject: string, runId: string): Problem =>
  new Problem('AlreadyRunning', `${cannotRun(subject, 'it is already running')}.`, { link: linkTo(runId) });

const nobodyThere = (subject: string): Problem => new Problem('CannotRun', `${cannotRun(subject, NO_WORKER)}.`);

function stageAnswer(stage: StageResult): object {
  const { workerId, success, status, message, error } = stage;
  if (error?.code === 'CannotRun') throw new Problem('CannotRun', message);
  const result = executionResult(stage);
  if (!success) return failedStage(result);
  const told =
    status === 'skipped' ? `Worker ${workerId} skipped: ${message}` : `Worker ${workerId} executed successfully`;
  return { success, message: told, result };
}

const failedStage = (result: WorkerExecutionResult): object => ({
  success: false,
  message: `Worker ${result.workerId} failed: ${result.message}`,
  result,
  error: result.error,
});
