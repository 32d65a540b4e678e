import { fileURLToPath } from 'node:url';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Tinypool } from 'tinypool';
import { Failure, type FailureCode } from '../../errors.ts';
import { notFound } from '../core/problem.ts';

export interface WholeGraphQuestion {
  keyTag: boolean;
  /** Stop ids; null asks for the drawing of the network. */
  way: { from: string; to: string } | null;
}

export type WholeGraphAnswer =
  | { version: string; text: string }
  | { missing: string }
  | { failure: { code: FailureCode; message: string } };

/** The thread parses and searches one question after the other. More questions at once let it work while others wait for Redis. */
const QUESTIONS_AT_ONCE = 64;

/**
 * Answers questions that need the whole live graph in memory: the quickest path and the drawing. A new version is tens of megabytes of
 * JSON, and a search may visit every stop. Both would block all other requests in the main thread.
 */
@Injectable()
export class WholeGraph implements OnApplicationShutdown {
  #thread: Tinypool | null = null;

  /** `text` is the answer's JSON. Errors: NotFound, GraphUnavailable, RedisUnavailable. */
  async ask(question: WholeGraphQuestion): Promise<{ version: string; text: string }> {
    this.#thread ??= new Tinypool({
      filename: fileURLToPath(new URL('./whole-graph.thread.js', import.meta.url)),
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: QUESTIONS_AT_ONCE,
      // Atomics would block the thread between questions, and its connection to Redis must be served then too.
      useAtomics: false,
    });
    const answer = (await this.#thread.run(question)) as WholeGraphAnswer;
    if ('missing' in answer) throw notFound(answer.missing);
    if ('failure' in answer) throw new Failure(answer.failure.code, answer.failure.message);
    return answer;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#thread?.destroy();
  }
}
