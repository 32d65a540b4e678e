import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Observable, finalize, from, lastValueFrom } from 'rxjs';
import type { Config } from '../../config.ts';
import { Answer } from './answer.ts';
import { type Access, ROUTE, type RouteDefinition } from './route.ts';
import { CONFIG } from './tokens.ts';

interface Kept {
  access: Access;
  answer: Promise<unknown>;
  /** Once it is there: ready to be sent. */
  ready: ReadyAnswer | null;
  madeAt: number;
  renewing: boolean;
}

/** An answer in memory that may be sent as it is to whoever has this access. */
export interface ReadyAnswer {
  access: Access;
  send(reply: FastifyReply): FastifyReply;
}

/** Addresses kept at once; the oldest goes. */
const MOST = 2_000;

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

  /** null: there is none, it is too old, or it is time that a request renews it. */
  readyFor(request: FastifyRequest): ReadyAnswer | null {
    if (request.method !== 'GET') return null;
    const kept = this.#kept.get(addressOf(request));
    if (kept === undefined) return null;
    const age = performance.now() - kept.madeAt;
    return age <= this.#recentMs / 2 || (kept.renewing && age <= this.#recentMs) ? kept.ready : null;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (request.method !== 'GET') {
      this.#kept.clear();
      return next.handle().pipe(finalize(() => this.#kept.clear()));
    }
    const definition = Reflect.getMetadata(ROUTE, context.getHandler()) as RouteDefinition | undefined;
    if (definition?.recent !== true || this.#recentMs === 0) return next.handle();
    return from(this.#answer(addressOf(request), definition.access, () => lastValueFrom(next.handle())));
  }

  #answer(key: string, access: Access, make: () => Promise<unknown>): Promise<unknown> {
    const kept = this.#kept.get(key);
    const age = kept === undefined ? Infinity : performance.now() - kept.madeAt;
    if (kept === undefined || age > this.#recentMs) {
      const made = startKeeping(access, make);
      this.#keep(key, made);
      made.answer.catch(() => this.#forget(key, made));
      return made.answer;
    }
    if (age > this.#recentMs / 2 && !kept.renewing) {
      kept.renewing = true;
      this.#renew(key, kept, make);
    }
    return kept.answer;
  }

  /** A renewal that fails leaves the next one who asks to hear why. */
  #renew(key: string, old: Kept, make: () => Promise<unknown>): void {
    const made = startKeeping(old.access, make);
    made.answer.then(
      () => {
        // Cleared meanwhile: what was read before that is not kept.
        if (this.#kept.get(key) === old) this.#keep(key, made);
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

const addressOf = ({ url, headers }: FastifyRequest): string => `${url} ${headers['if-none-match'] ?? ''}`;

function startKeeping(access: Access, make: () => Promise<unknown>): Kept {
  const kept: Kept = { access, answer: make(), ready: null, madeAt: performance.now(), renewing: false };
  kept.answer.then(
    (body) => (kept.ready = readyAnswer(access, body)),
    () => {},
  );
  return kept;
}

/** Turned into JSON once, when it is sent for the first time, however many get it. */
function readyAnswer(access: Access, made: unknown): ReadyAnswer {
  const { status, headers, body } = made instanceof Answer ? made : new Answer(made, {});
  let text: string | undefined;
  return {
    access,
    send(reply) {
      if (body === undefined)
        return reply
          .status(status ?? 200)
          .headers(headers)
          .send();
      text ??= typeof body === 'string' ? body : JSON.stringify(body);
      return reply
        .status(status ?? 200)
        .type('application/json; charset=utf-8')
        .headers(headers)
        .send(text);
    },
  };
}
