import { setTimeout as sleep } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Client, Connection, isGrpcServiceError, isRetryableError, makeGrpcRetryInterceptor } from '@temporalio/client';
import type { Logger } from '../../logger.ts';
import { Failure } from '../../errors.ts';
import { temporalAddress } from '../../connections/temporal.ts';
import { DEADLINE_MS, withinDeadline } from './deadline.ts';
import { LOGGER } from './tokens.ts';

const [CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE, RESOURCE_EXHAUSTED] = [1, 4, 14, 8];
/** A connection that broke is tried again at once and a moment later; whoever asks us asks again after that. */
const RETRIES = 2;
const RETRY_AFTER_MS = 100;
const AWAY = new Set([CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE, RESOURCE_EXHAUSTED]);

/** Temporal, connected at the first call: the API starts, and answers what it can, while the server is away. */
@Injectable()
export class TemporalGateway implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly client: Client;
  readonly namespace: string;
  readonly #connection: Connection;
  readonly #logger: Logger;
  #stopping = false;

  constructor(@Inject(LOGGER) logger: Logger) {
    const { connectionOptions, namespace } = temporalAddress();
    const retry = makeGrpcRetryInterceptor({
      retryableDecider: (attempt, status) => !this.#stopping && attempt <= RETRIES && isRetryableError(status),
      delayFunction: () => RETRY_AFTER_MS,
    });
    this.#connection = Connection.lazy({ ...connectionOptions, interceptors: [retry] });
    this.namespace = namespace;
    this.client = new Client({ connection: this.#connection, namespace });
    this.#logger = logger;
  }

  /** Throws TemporalUnavailable within a second, unless `deadlineMs` allows more. */
  async call<T>(work: (client: Client) => Promise<T>, deadlineMs = DEADLINE_MS): Promise<T> {
    try {
      return await withinDeadline(
        'TemporalUnavailable',
        'Temporal',
        () => this.#connection.withDeadline(Date.now() + deadlineMs, () => work(this.client)),
        deadlineMs,
      );
    } catch (error) {
      if (!isAway(error)) throw error;
      this.#logger.warn({ err: error }, 'Temporal does not answer');
      throw new Failure('TemporalUnavailable', 'Temporal does not answer. Ask again.', { cause: error });
    }
  }

  async ping(): Promise<void> {
    await this.call(() => this.#connection.workflowService.getSystemInfo({}));
  }

  beforeApplicationShutdown(): void {
    this.#stopping = true;
  }

  async onApplicationShutdown(): Promise<void> {
    // A retry that waits for its moment would find the channel closed, in a timer where nobody catches it.
    await sleep(2 * RETRY_AFTER_MS);
    await this.#connection.close();
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
