import { Inject, Injectable } from '@nestjs/common';
import {
  ApplicationFailure,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { Failure, isFailureCode } from '../../errors.ts';
import { NOBODY } from '../../orchestrator/or-nobody.ts';
import { Attendance, noWorker } from './attendance.ts';
import { LATE, orLate } from './or-late.ts';
import { Problem } from './problem.ts';
import { Stopping } from './stopping.ts';
import { TemporalGateway, isAway } from './temporal-gateway.ts';

/** How long a request waits for its task. A slower task goes on without it. */
const WAIT_MS = 45_000;
/** A task that no worker took must not be done hours later, when nobody expects it any more. */
const EXPIRES = '5 minutes';

type TaskHandle<T> = WorkflowHandleWithFirstExecutionRunId<(input: unknown) => Promise<T>>;

export interface OperatorTask {
  workflowType: string;
  workflowId: string;
  taskQueue: string;
  input: unknown;
  summary: string;
}

/** Runs small tasks that only a worker can do, because it has the secrets, the way to the legacy hosts and the right to write. */
@Injectable()
export class OperatorTasks {
  readonly #temporal: TemporalGateway;
  readonly #attendance: Attendance;
  readonly #stopping: Stopping;

  constructor(
    @Inject(TemporalGateway) temporal: TemporalGateway,
    @Inject(Attendance) attendance: Attendance,
    @Inject(Stopping) stopping: Stopping,
  ) {
    this.#temporal = temporal;
    this.#attendance = attendance;
    this.#stopping = stopping;
  }

  /** Runs a task and waits for its result. Errors: NoWorker, AlreadyRunning, TemporalUnavailable, and the failures of the task. */
  async run<T>(task: OperatorTask): Promise<T> {
    const { summary, taskQueue } = task;
    await this.#attendance.expectWorker(taskQueue, summary);
    const handle = await this.#start<T>(task);
    try {
      const answered = this.#stopping.orStopping(orLate<T>(handle.result(), WAIT_MS), LATE);
      const result = await this.#attendance.orNobody(answered, { ...task, toBegin: true });
      if (result === NOBODY) {
        await this.#attendance.withdraw({ workflowId: handle.workflowId, runId: handle.firstExecutionRunId });
        throw noWorker(taskQueue, summary, 'It was withdrawn.');
      }
      if (result !== LATE) return result;
    } catch (error) {
      if (error instanceof WorkflowFailedError) throw failureOf(error, summary);
      if (!isAway(error)) throw error;
    }
    throw new Problem('TemporalUnavailable', `${summary}: no worker has answered yet. It may still be done.`, {
      retryAfterSeconds: 30,
    });
  }

  #start<T>({ workflowType, workflowId, taskQueue, input, summary }: OperatorTask): Promise<TaskHandle<T>> {
    return this.#temporal
      .call((client) =>
        client.workflow.start<(input: unknown) => Promise<T>>(workflowType, {
          workflowId,
          taskQueue,
          args: [input],
          workflowExecutionTimeout: EXPIRES,
          staticSummary: summary,
        }),
      )
      .catch((error: unknown) => {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        throw new Problem('AlreadyRunning', `${summary}: it is being done already. Ask again in a moment.`);
      });
  }
}

/** An activity's failure arrives as the cause of the workflow's failure, with its code as the type. */
function failureOf(error: WorkflowFailedError, summary: string): Failure {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ApplicationFailure && isFailureCode(cause.type)) return new Failure(cause.type, cause.message);
  }
  return new Problem('TemporalUnavailable', `${summary}: it was not done in time, or ended from outside.`);
}
