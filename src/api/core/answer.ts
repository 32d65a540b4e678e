import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type Observable, map } from 'rxjs';

/** A body with its own status or headers. A handler that returns anything else answers with its route's status. */
export class Answer {
  readonly body: unknown;
  readonly status: number | null;
  readonly headers: Record<string, string>;

  constructor(
    body: unknown,
    { status = null, headers = {} }: { status?: number | null; headers?: Record<string, string> },
  ) {
    this.body = body;
    this.status = status;
    this.headers = headers;
  }
}

/** Answers that work has begun. `location` is the address that tells what becomes of it. */
export const accepted = (body: object, location: string, headers: Record<string, string> = {}): Answer =>
  new Answer(body, { status: 202, headers: { location, 'retry-after': '2', ...headers } });

@Injectable()
export class AnswerInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      map((value: unknown) => {
        if (!(value instanceof Answer)) return value;
        const reply = context.switchToHttp().getResponse<FastifyReply>();
        if (value.status !== null) void reply.status(value.status);
        void reply.headers(value.headers);
        return value.body;
      }),
    );
  }
}
