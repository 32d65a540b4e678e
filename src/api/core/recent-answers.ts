import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { type Observable, finalize, from, lastValueFrom } from 'rxjs';
import { RecentReads } from './recent-reads.ts';
import { ROUTE, type RouteDefinition } from './route.ts';

/** Bodies that may be sent many times, and their JSON once it was needed. */
const texts = new WeakMap<object, { json?: string }>();

/** For every answer of the server: one that is kept is turned into text once, however many get it. */
export function answerJson(body: unknown): string {
  const kept = texts.get(body as object);
  return kept === undefined ? JSON.stringify(body) : (kept.json ??= JSON.stringify(body));
}

/**
 * Whole answers of projections that many ask for at once come from recent-reads.ts. Only for routes that say `recent`: their answers are the
 * same for every key. Whatever is no read ends all that is kept: who changes something sees what they changed.
 */
@Injectable()
export class RecentAnswers implements NestInterceptor {
  readonly #reads: RecentReads;

  constructor(@Inject(RecentReads) reads: RecentReads) {
    this.#reads = reads;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (request.method !== 'GET') {
      this.#reads.clear();
      return next.handle().pipe(finalize(() => this.#reads.clear()));
    }
    const definition = Reflect.getMetadata(ROUTE, context.getHandler()) as RouteDefinition | undefined;
    if (definition?.recent !== true) return next.handle();
    return from(this.#reads.get(`GET ${request.url}`, () => lastValueFrom(next.handle()).then(sentOften)));
  }
}

function sentOften(body: unknown): unknown {
  if (typeof body === 'object' && body !== null) texts.set(body, {});
  return body;
}
