import { setTimeout as sleep } from 'node:timers/promises';
import type { BeforeApplicationShutdown, OnApplicationShutdown } from '@nestjs/common';
import { type Client, isGrpcServiceError, isRetryableError, makeGrpcRetryInterceptor } from '@temporalio/client';
import type { Logger } from '../../logger.ts';
import { Failure } from '../../errors.ts';
import { type TemporalClient, openTemporal } from '../../connections/temporal.ts';
import { DEADLINE_MS, withinDeadline } from './deadline.ts';

/** A read that can do without Temporal waits this long for its word, and not at all while it was silent a moment ago. */
const GLANCE_MS = 500;
const SILENT_MS = 2_000;
const [CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE, RESOURCE_EXHAUSTED] = [1, 4, 14, 8];
/** A connection that broke is tried again at once and a moment later; whoever asks us asks again after that. */
const RETRIES = 2;
const RETRY_AFTER_MS = 100;
const AWAY = new Set([CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE, RESOURCE_EXHAUSTED]);

/** Temporal, connected at the first call: the API starts, and answers what it can, while the server is away. */
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

  /** Errors: InvalidConfiguration, where the environment does not say how Temporal is reached or a payload key cannot be read. */
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

  /** As call, for reads that have an answer without Temporal: undefined when it does not answer at once. */
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
    // A retry that waits for its moment would find the channel closed, in a timer where nobody catches it.
    await sleep(2 * RETRY_AFTER_MS);
    await this.#temporal.close();
  }
}

/** The SDK wraps what gRPC says into errors of its own. */
export function isAway(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause) && AWAY.has(cause.code)) return true;
    if (/^(Failed to connect before the deadline|Channel has been (shut down|closed))/.test(cause.message)) return true;
  }
  return false;
}
