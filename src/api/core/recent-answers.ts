import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { type Observable, finalize, from, lastValueFrom } from 'rxjs';
import { RecentReads } from './recent-reads.ts';
import { ROUTE } from './route.ts';
import type { RouteDefinition } from './route-definition.ts';

/** Bodies that may be sent many times, with their JSON once it was made. */
const texts = new WeakMap<object, { json?: string }>();

/** Serialises every answer of the server. A kept answer is turned into text only once, however many clients get it. */
export function answerJson(body: unknown): string {
  const kept = texts.get(body as object);
  return kept === undefined ? JSON.stringify(body) : (kept.json ??= JSON.stringify(body));
}

/**
 * Keeps whole answers for FLEETGRAPH_API_RECENT_MS, for routes that say `recent`: many clients ask for them at once, and they are the same
 * for every key. A request that is not a read clears everything that is kept, so that clients see what they have changed.
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
