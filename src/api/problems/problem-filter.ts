import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';
import { isDatabaseUnavailable } from '../../connections/database-errors.ts';
import { Failure, type FailureCode } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { AllowedMethods } from './allowed-methods.ts';
import { Problem, type ProblemDetails } from '../core/problem.ts';
import { LOGGER } from '../core/tokens.ts';

const RETRY_AFTER_SECONDS = 5;

/** The HTTP status of each code. A code that is not listed is an internal error. */
const STATUS: Partial<Record<FailureCode, number>> = {
  InvalidRequest: 400,
  InvalidSelection: 400,
  InvalidSetting: 400,
  InvalidConfiguration: 400,
  Unauthenticated: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  UnknownVehicle: 404,
  WrongState: 409,
  CannotRun: 409,
  AlreadyRunning: 409,
  DatasetDecisionRefused: 409,
  GraphSuperseded: 409,
  RateLimited: 429,
  DatabaseUnavailable: 503,
  RedisUnavailable: 503,
  RedisOutOfMemory: 503,
  GraphUnavailable: 503,
  TemporalUnavailable: 503,
  NoWorker: 503,
};

const AWAY: Partial<Record<FailureCode, string>> = {
  DatabaseUnavailable: 'PostgreSQL does not answer, and this needs it. Ask again.',
  RedisUnavailable: 'Redis does not answer, and this needs it. Ask again.',
  TemporalUnavailable: 'Temporal does not answer, and this needs it. Ask again.',
};

const TITLE: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

interface Answered {
  status: number;
  code: FailureCode;
  message: string;
  details: ProblemDetails;
}

/** Turns every error into an answer: the spec's body with the fields of RFC 9457, and no internals. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger: Logger;

  readonly #allowedMethods: AllowedMethods;

  constructor(@Inject(LOGGER) logger: Logger, @Inject(AllowedMethods) allowedMethods: AllowedMethods) {
    this.#logger = logger;
    this.#allowedMethods = allowedMethods;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (!request.is404) return this.#answer(error, request, reply);
    void this.#allowedMethods.instead(error, request).then((instead) => this.#answer(instead, request, reply));
  }

  #answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const answered = describe(error);
    const { method, url } = request;
    if (answered.status === 500) this.#logger.error({ err: error, method, url }, 'a request failed');
    if (answered.status === 503) this.#logger.warn({ err: error, method, url }, 'a part is down');
    // A stream has sent its status already.
    if (reply.sent || reply.raw.headersSent) return;
    send(answered, request, reply);
  }
}

/** Answers what Fastify refuses before it knows the route, where no filter runs: an address that cannot be decoded or is too long. */
export const answerProblem = (error: unknown, request: FastifyRequest, reply: FastifyReply): void =>
  send(describe(error), request, reply);

/** Answers a connection whose data never become a request: no HTTP, too slow, or headers that are too large. The connection then ends. */
export function answerUnreadable({ code = '' }: NodeJS.ErrnoException, socket: Socket): void {
  if (code === 'ECONNRESET' || socket.destroyed) return;
  const [status, message] = UNREADABLE[code] ?? [400, 'This is not a request of HTTP/1.1.'];
  const body = bodyOf({ status, code: 'InvalidRequest', message, details: {} });
  const head = [
    `HTTP/1.1 ${status} ${TITLE[status]}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroySoon();
}

/** The error codes of Node's server and its parser. */
const UNREADABLE: Record<string, [number, string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time. Send it again.'],
  HPE_HEADER_OVERFLOW: [431, 'The request has more header fields than are read here. Send fewer or shorter ones.'],
};

const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

function send(answered: Answered, { url }: FastifyRequest, reply: FastifyReply): void {
  const { status, details } = answered;
  const retryAfter = details.retryAfterSeconds ?? (status === 503 ? RETRY_AFTER_SECONDS : undefined);
  if (retryAfter !== undefined) void reply.header('retry-after', String(retryAfter));
  if (details.allow !== undefined) void reply.header('allow', details.allow.join(', '));
  if (status === 401) void reply.header('www-authenticate', 'Bearer realm="fleetgraph"');
  void reply
    .status(status)
    .type(PROBLEM_TYPE)
    .send(bodyOf(answered, url.split('?')[0]));
}

const bodyOf = ({ status, code, message, details }: Answered, instance?: string): string =>
  JSON.stringify({
    success: false,
    error: message,
    code,
    type: `urn:fleetgraph:problem:${code}`,
    title: TITLE[status] ?? 'Error',
    status,
    detail: message,
    instance,
    errors: details.errors,
    link: details.link,
  });

function describe(error: unknown): Answered {
  if (error instanceof Failure) {
    const status = STATUS[error.code] ?? 500;
    if (error instanceof Problem) return { status, code: error.code, message: error.message, details: error.details };
    // A driver's message may hold addresses. Only the log gets it.
    return { status, code: error.code, message: AWAY[error.code] ?? error.message, details: {} };
  }
  if (isDatabaseUnavailable(error)) {
    return { status: 503, code: 'DatabaseUnavailable', message: AWAY.DatabaseUnavailable!, details: {} };
  }
  const status = error instanceof HttpException ? error.getStatus() : statusOf(error);
  if (status === 404)
    return { status, code: 'NotFound', message: 'There is no such endpoint. /docs lists them.', details: {} };
  if (status >= 400 && status < 500) {
    return { status, code: 'InvalidRequest', message: (error as Error).message, details: {} };
  }
  return {
    status: 500,
    code: 'Unexpected',
    message: 'Something went wrong here that fleetgraph does not know. The log of the API has it.',
    details: {},
  };
}

/** The status of Fastify's own refusals, such as a body that is too large or not JSON. */
function statusOf(error: unknown): number {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : 500;
}
