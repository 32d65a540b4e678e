import { setTimeout as sleep } from 'node:timers/promises';
import type { BeforeApplicationShutdown, OnApplicationShutdown } from '@nestjs/common';
import { type Client, isGrpcServiceError, isRetryableError, makeGrpcRetryInterceptor } from '@temporalio/client';
import type { Logger } from '../../logger.ts';
import { Failure } from '../../errors.ts';
import { type TemporalClient, openTemporal } from '../../connections/temporal.ts';
import { DEADLINE_MS, withinDeadline } from './deadline.ts';

/** How long a read waits for Temporal when it can do without. After a silence, such reads do not ask for a while. */
const GLANCE_MS = 500;
const SILENT_MS = 2_000;
const [CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE, RESOURCE_EXHAUSTED] = [1, 4, 14, 8];
/** A broken connection is tried again at once and a moment later. After that, the API's client has to ask again. */
const RETRIES = 2;
const RETRY_AFTER_MS = 100;
const AWAY = new Set([CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE, RESOURCE_EXHAUSTED]);

/** The connection to Temporal. It is opened at the first call, so that the API starts and answers what it can while Temporal is away. */
export class TemporalGateway implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #temporal: TemporalClient;
  readonly #retries: { stopped: boolean };
  readonly #logger: Logger;
  #silentUntil = 0;

  private constructor(temporal: TemporalClient, retries: { stopped: boolean }, logger: Logger) {
    this.#temporal = temporal;
    this.#retries = retries;
    this.#logger = logger;
  }

  /** Errors: InvalidConfiguration, when the environment does not say how Temporal is reached, or a payload key cannot be read. */
  static async open(logger: Logger): Promise<TemporalGateway> {
    const retries = { stopped: false };
    const retry = makeGrpcRetryInterceptor({
      retryableDecider: (attempt, status) => !retries.stopped && attempt <= RETRIES && isRetryableError(status),
      delayFunction: () => RETRY_AFTER_MS,
    });
    return new TemporalGateway(await openTemporal({ lazy: true, interceptors: [retry] }), retries, logger);
  }

  get client(): Client {
    return this.#temporal.client;
  }

  get namespace(): string {
    return this.#temporal.namespace;
  }

  /** Throws TemporalUnavailable within a second, unless `deadlineMs` allows more. */
  async call<T>(work: (client: Client) => Promise<T>, deadlineMs = DEADLINE_MS): Promise<T> {
    try {
      return await withinDeadline(
        'TemporalUnavailable',
        'Temporal',
        () => this.client.withDeadline(Date.now() + deadlineMs, () => work(this.client)),
        deadlineMs,
      );
    } catch (error) {
      if (!isAway(error)) throw error;
      this.#logger.warn({ err: error }, 'Temporal does not answer');
      throw new Failure('TemporalUnavailable', 'Temporal does not answer. Ask again.', { cause: error });
    }
  }

  /** Like `call`, for reads that have an answer without Temporal. undefined when Temporal does not answer at once. */
  async glance<T>(work: (client: Client) => Promise<T>): Promise<T | undefined> {
    if (performance.now() < this.#silentUntil) return undefined;
    try {
      return await this.call(work, GLANCE_MS);
    } catch (error) {
      if (!(error instanceof Failure && error.code === 'TemporalUnavailable')) throw error;
      this.#silentUntil = performance.now() + SILENT_MS;
      return undefined;
    }
  }

  async ping(): Promise<void> {
    await this.call(() => this.client.workflowService.getSystemInfo({}));
  }

  beforeApplicationShutdown(): void {
    this.#retries.stopped = true;
  }

  async onApplicationShutdown(): Promise<void> {
    // A retry may still wait for its time. On a closed channel it would throw in a timer, where nothing catches the error.
    await sleep(2 * RETRY_AFTER_MS);
    await this.#temporal.close();
  }
}

/** Whether an error says that Temporal is away. The SDK wraps errors of gRPC into its own. */
export function isAway(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause) && AWAY.has(cause.code)) return true;
    if (/^(Failed to connect before the deadline|Channel has been (shut down|closed))/.test(cause.message)) return true;
  }
  return false;
}
