import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from './errors.ts';

const environmentSchema = z.object({
  FLEETGRAPH_ENV: z.enum(['development', 'production']).default('development'),
  FLEETGRAPH_POSTGRES_URL: z.string().regex(/^postgres(ql)?:\/\//),
  FLEETGRAPH_REDIS_URL: z.string().regex(/^rediss?:\/\//),
  FLEETGRAPH_STAGING_DIR: z.string().min(1).default(join('/var/tmp', 'fleetgraph-staging')),
  FLEETGRAPH_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  FLEETGRAPH_WORKER_METRICS_ADDRESS: z.string().optional(),
  FLEETGRAPH_WORKER_ROLES: z
    .string()
    .default('legacy-sync,transport-graph')
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(['legacy-sync', 'transport-graph'])).min(1)),
  FLEETGRAPH_FAULT: z.string().min(1).optional(),
  FLEETGRAPH_API_HOST: z.string().default('127.0.0.1'),
  FLEETGRAPH_API_PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  FLEETGRAPH_API_POSTGRES_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//)
    .optional(),
  FLEETGRAPH_API_LOOPBACK_READS: z.enum(['true', 'false']).default('false'),
  FLEETGRAPH_API_RATE_PER_MINUTE: z.coerce.number().int().min(1).default(6_000),
  FLEETGRAPH_API_EVENT_PING_MS: z.coerce.number().int().min(1_000).max(600_000).default(15_000),
  FLEETGRAPH_API_LONGEST_WAIT_MS: z.coerce.number().int().min(0).max(3_600_000).default(600_000),
  FLEETGRAPH_TEMPORAL_UI_URL: z.url().optional(),
});

export interface ApiConfig {
  host: string;
  port: number;
  /** The login of the API, where it has one of its own. */
  postgresUrl: string;
  /** Reads of /api/v1/workers* from this machine need no key. */
  loopbackReads: boolean;
  /** Requests of one key. */
  ratePerMinute: number;
  /** Silence on a stream of events after which a comment keeps the line open. */
  eventPingMs: number;
  /** How long a POST waits for the work it started before it answers 202. */
  longestWaitMs: number;
  /** For links to runs; null where there is none. */
  temporalUiUrl: string | null;
}

export interface Config {
  production: boolean;
  postgresUrl: string;
  redisUrl: string;
  /** Dumps on their way; the worker's host id is kept in it. */
  stagingDir: string;
  logLevel: string;
  workerMetricsAddress: string | null;
  /** Which task queues a worker process polls. */
  workerRoles: ('legacy-sync' | 'transport-graph')[];
  /** Where the worker is to die, in tests only; see workers/fault-point.ts. */
  fault: string | null;
  api: ApiConfig;
  hostname: string;
}

/**
 * The only reader of our environment variables, but for how Temporal is reached and its payloads are encrypted: connections/temporal-access.ts.
 *
 * @throws Failure `InvalidConfiguration` listing every variable that is missing or wrong
 */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const parsed = environmentSchema.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new Failure(
      'InvalidConfiguration',
      `Reading the configuration from the environment found:\n${problems.join('\n')}\nSet them (see .env.example), or start a private stack with \`npm run dev\`.`,
    );
  }
  const values = parsed.data;
  return {
    production: values.FLEETGRAPH_ENV === 'production',
    postgresUrl: values.FLEETGRAPH_POSTGRES_URL,
    redisUrl: values.FLEETGRAPH_REDIS_URL,
    stagingDir: values.FLEETGRAPH_STAGING_DIR,
    logLevel: values.FLEETGRAPH_LOG_LEVEL,
    workerMetricsAddress: values.FLEETGRAPH_WORKER_METRICS_ADDRESS ?? null,
    workerRoles: values.FLEETGRAPH_WORKER_ROLES,
    fault: values.FLEETGRAPH_FAULT ?? null,
    api: {
      host: values.FLEETGRAPH_API_HOST,
      port: values.FLEETGRAPH_API_PORT,
      postgresUrl: values.FLEETGRAPH_API_POSTGRES_URL ?? values.FLEETGRAPH_POSTGRES_URL,
      loopbackReads: values.FLEETGRAPH_API_LOOPBACK_READS === 'true',
      ratePerMinute: values.FLEETGRAPH_API_RATE_PER_MINUTE,
      eventPingMs: values.FLEETGRAPH_API_EVENT_PING_MS,
      longestWaitMs: values.FLEETGRAPH_API_LONGEST_WAIT_MS,
      temporalUiUrl: values.FLEETGRAPH_TEMPORAL_UI_URL ?? null,
    },
    hostname: hostname(),
  };
}

/** Adds the KEY=value lines of a file to the environment; what is set already wins. */
export function readEnvironmentFile(path: string, environment: NodeJS.ProcessEnv = process.env): boolean {
  if (!existsSync(path)) return false;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [, name, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) environment[name] ??= value;
  }
  return true;
}
