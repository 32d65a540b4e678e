import { Inject, Injectable } from '@nestjs/common';
import { ApplicationFailure, WorkflowExecutionAlreadyStartedError, WorkflowFailedError } from '@temporalio/client';
import { Failure, isFailureCode } from '../../errors.ts';
import { LATE, orLate } from './prefer.ts';
import { Problem } from './problem.ts';
import { Stopping } from './stopping.ts';
import { TemporalGateway, isAway } from './temporal-gateway.ts';

/** Somebody waits: what takes longer has probably no worker. */
const WAIT_MS = 45_000;
/** A task that no worker took is not done hours later, when nobody expects it any more. */
const EXPIRES = '5 minutes';

export interface OperatorTask {
  workflowType: string;
  workflowId: string;
  taskQueue: string;
  input: unknown;
  summary: string;
}

/** Small things that need a worker: its secrets, its way to the legacy hosts, its right to write. */
@Injectable()
export class OperatorTasks {
  readonly #temporal: TemporalGateway;
  readonly #stopping: Stopping;

  constructor(@Inject(TemporalGateway) temporal: TemporalGateway, @Inject(Stopping) stopping: Stopping) {
    this.#temporal = temporal;
    this.#stopping = stopping;
  }

  /** Errors: AlreadyRunning, TemporalUnavailable, and what the task fails by. */
  async run<T>({ workflowType, workflowId, taskQueue, input, summary }: OperatorTask): Promise<T> {
    const handle = await this.#temporal
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
    try {
      const result = await this.#stopping.orStopping(orLate<T>(handle.result(), WAIT_MS), LATE);
      if (result !== LATE) return result;
    } catch (error) {
      if (error instanceof WorkflowFailedError) throw failureOf(error, summary);
      if (!isAway(error)) throw error;
    }
    throw new Problem('TemporalUnavailable', `${summary}: no worker has answered yet. It may still be done.`, {
      retryAfterSeconds: 30,
    });
  }
}

/** An activity's failure comes as the cause of the workflow's, with its code as type. */
function failureOf(error: WorkflowFailedError, summary: string): Failure {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ApplicationFailure && isFailureCode(cause.type)) return new Failure(cause.type, cause.message);
  }
  return new Problem('TemporalUnavailable', `${summary}: it was not done in time, or ended from outside.`);
}
