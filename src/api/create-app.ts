import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import { ApiModule } from './api.module.ts';
import { answerProblem, answerUnreadable } from './problems/problem-filter.ts';
import { answerJson } from './core/recent-answers.ts';
import { Stopping } from './core/stopping.ts';
import { OpenApi } from './docs/open-api.ts';
import { MetricsService } from './metrics/metrics.service.ts';

const BODY_LIMIT_BYTES = 64 * 1024;
/** A client that takes longer than this to send its request is refused. */
const REQUEST_TIMEOUT_MS = 30_000;

const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
};

/** Builds the application, ready to listen. It has no connections yet, so it starts while servers are away. */
export async function createApp(config: Config, logger: Logger): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // At shutdown, requests in progress are answered, and idle connections are closed.
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 500 },
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      answerProblem(error, request, reply.headers(SECURITY_HEADERS)),
    clientErrorHandler: answerUnreadable,
  });
  adapter.getInstance().setReplySerializer(answerJson);
  adapter.getInstance().addHook('onRequest', (request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    if (request.url.startsWith('/api/')) void reply.header('cache-control', 'no-store');
    done();
  });
  const app = await NestFactory.create<NestFastifyApplication>(ApiModule.with(config, logger), adapter, {
    logger: nestLogger(logger),
    abortOnError: false,
  });
  const metrics = app.get(MetricsService);
  const stopping = app.get(Stopping);
  const server = adapter.getInstance();
  // Fastify would accept any text as a body, but the API takes only JSON.
  server.removeContentTypeParser('text/plain');
  server.addHook('onResponse', (request, reply, done) => {
    const { url: route = 'none' } = request.routeOptions;
    const seconds = reply.elapsedTime / 1000;
    metrics.observe({ method: request.method, route, status: reply.statusCode, seconds });
    done();
  });
  server.addHook('onSend', (_request, reply, payload, done) => {
    // The server is stopping. The client must not send its next request over this connection.
    if (stopping.signal.aborted) void reply.header('connection', 'close');
    done(null, payload);
  });
  app.get(OpenApi).describe(app);
  return app;
}

/** Logs Nest's ordinary lines as debug or trace, because only its warnings and errors matter. */
function nestLogger(logger: Logger) {
  const text = (message: unknown): string => (typeof message === 'string' ? message : JSON.stringify(message));
  return {
    log: (message: unknown) => logger.debug(text(message)),
    debug: (message: unknown) => logger.debug(text(message)),
    verbose: (message: unknown) => logger.trace(text(message)),
    warn: (message: unknown) => logger.warn(text(message)),
    error: (message: unknown, stack?: unknown) => logger.error({ stack }, text(message)),
    fatal: (message: unknown) => logger.fatal(text(message)),
  };
}
