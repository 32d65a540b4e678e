import { Inject, Injectable } from '@nestjs/common';
import { hasWorker } from '../../orchestrator/has-worker.ts';
import { type Errand, type NOBODY, orNobody, withdraw } from '../../orchestrator/or-nobody.ts';
import { Problem } from './problem.ts';
import { TemporalGateway } from './temporal-gateway.ts';

/** A polling worker gets a task at once, and a worker that is too busy to poll polls again within this time. */
const PATIENCE_MS = 1_000;
/** A worker that has just started sends its first poll within this time. */
const FIRST_POLL_MS = 250;
const RETRY_AFTER_SECONDS = 10;

/** Distinguishes a task that no worker takes from one that a worker is about to take. Temporal accepts both without saying which it is. */
@Injectable()
export class Attendance {
  readonly #temporal: TemporalGateway;

  constructor(@Inject(TemporalGateway) temporal: TemporalGateway) {
    this.#temporal = temporal;
  }

  /** Throws NoWorker, before anything is begun, when no worker has polled for minutes and none begins to. */
  async expectWorker(taskQueue: string, what: string): Promise<void> {
    const there = await this.#temporal.call((client) => hasWorker(client, taskQueue, FIRST_POLL_MS));
    if (!there) throw noWorker(taskQueue, what);
  }

  /** The check in `expectWorker` is not enough: a killed worker still counts as polling for some minutes. */
  orNobody<T>(work: Promise<T>, errand: Errand): Promise<T | typeof NOBODY> {
    return orNobody(work, errand, { temporal: (look) => this.#temporal.call(look), patienceMs: PATIENCE_MS });
  }

  /** Ends a run that no worker took. */
  async withdraw(run: { workflowId: string; runId: string }): Promise<void> {
    await this.#temporal
      .call((client) => withdraw(client, run))
      // It has ended by itself, or Temporal is away. It then waits there for a worker or for its time limit, and the run's address tells which.
      .catch(() => {});
  }
}

export const noWorker = (taskQueue: string, what: string, left = 'Nothing was done.'): Problem =>
  new Problem(
    'NoWorker',
    `${what}: no worker is polling the task queue ${taskQueue}. ${left} Start one with \`fleetgraph worker\`, and ask again.`,
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  );
