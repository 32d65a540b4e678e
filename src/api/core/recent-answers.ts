import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { type Observable, finalize, from, lastValueFrom } from 'rxjs';
import type { Config } from '../../config.ts';
import { ROUTE, type RouteDefinition } from './route.ts';
import { CONFIG } from './tokens.ts';

interface Kept {
  answer: Promise<unknown>;
  madeAt: number;
  renewing: boolean;
}

/** Addresses kept at once; the oldest goes. */
const MOST = 2_000;

/** Bodies that may be sent many times, and their JSON once it was needed. */
const texts = new WeakMap<object, { json?: string }>();

/** For every answer of the server: one that is kept is turned into text once, however many get it. */
export function answerJson(body: unknown): string {
  const kept = texts.get(body as object);
  return kept === undefined ? JSON.stringify(body) : (kept.json ??= JSON.stringify(body));
}

/**
 * Reads of projections that many ask for at once are answered from memory for FLEETGRAPH_API_RECENT_MS. One that is asked for again in the
 * second half of that time is renewed behind the answer, so that a read in demand never waits for PostgreSQL or Redis. Whatever is not a
 * read ends all of it: who changes something sees what they changed. Only for routes that say `recent`: their answers are the same for
 * every key.
 */
@Injectable()
export class RecentAnswers implements NestInterceptor {
  readonly #recentMs: number;
  readonly #kept = new Map<string, Kept>();

  constructor(@Inject(CONFIG) config: Config) {
    this.#recentMs = config.api.recentMs;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (request.method !== 'GET') {
      this.#kept.clear();
      return next.handle().pipe(finalize(() => this.#kept.clear()));
    }
    const definition = Reflect.getMetadata(ROUTE, context.getHandler()) as RouteDefinition | undefined;
    if (definition?.recent !== true || this.#recentMs === 0) return next.handle();
    const key = `${request.url} ${request.headers['if-none-match'] ?? ''}`;
    return from(this.#answer(key, () => lastValueFrom(next.handle()).then(sentOften)));
  }

  #answer(key: string, make: () => Promise<unknown>): Promise<unknown> {
    const kept = this.#kept.get(key);
    const age = kept === undefined ? Infinity : performance.now() - kept.madeAt;
    if (kept === undefined || age > this.#recentMs) return this.#make(key, make).answer;
    if (age > this.#recentMs / 2 && !kept.renewing) {
      kept.renewing = true;
      this.#renew(key, kept, make);
    }
    return kept.answer;
  }

  #make(key: string, make: () => Promise<unknown>): Kept {
    const made: Kept = { answer: make(), madeAt: performance.now(), renewing: false };
    this.#keep(key, made);
    made.answer.catch(() => this.#forget(key, made));
    return made;
  }

  /** A renewal that fails leaves the next one who asks to hear why. */
  #renew(key: string, old: Kept, make: () => Promise<unknown>): void {
    const madeAt = performance.now();
    const answer = make();
    answer.then(
      () => {
        // Cleared meanwhile: what was read before that is not kept.
        if (this.#kept.get(key) === old) this.#keep(key, { answer, madeAt, renewing: false });
      },
      () => this.#forget(key, old),
    );
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size > MOST) this.#kept.delete(this.#kept.keys().next().value!);
  }

  #forget(key: string, kept: Kept): void {
    if (this.#kept.get(key) === kept) this.#kept.delete(key);
  }
}

function sentOften(body: unknown): unknown {
  if (typeof body === 'object' && body !== null) texts.set(body, {});
  return body;
}
