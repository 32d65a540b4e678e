import type { Redis } from 'ioredis';
import type pg from 'pg';
import { loadConfig } from '../config.ts';
import { createLogger } from '../logger.ts';
import { type InProcessWorker, initializeWorkers as initialize } from '../orchestrator/initialize-workers.ts';

export { closeWorkers, getWorkerOrchestrator } from '../orchestrator/initialize-workers.ts';
export type { IBackgroundWorker, OrchestrationResult, WorkerExecutionResult } from '../orchestrator/types.ts';
export type { ExecuteOptions, Override, WorkerOrchestrator } from '../orchestrator/worker-orchestrator.ts';
export type { WorkerMetadata } from '../records/stage-metadata.ts';

export interface InitializeOptions {
  /** Runs the pipeline's own stages in this process, too, so that it needs no `fleetgraph worker` beside it. Default: false. */
  startWorker?: boolean;
}

/**
 * Makes the process's orchestrator, once. Temporal's address is taken from the environment, as its CLI does. A worker in this process
 * has connections of its own, to where `pool` and `redis` lead unless FLEETGRAPH_POSTGRES_URL and FLEETGRAPH_REDIS_URL say otherwise;
 * `closeWorkers` ends it.
 */
export function initializeWorkers(pool: pg.Pool, redis: Redis, options: InitializeOptions = {}): Promise<void> {
  return initialize(pool, redis, options.startWorker ? () => startWorker(pool, redis) : undefined);
}

async function startWorker(pool: pg.Pool, redis: Redis): Promise<InProcessWorker> {
  const { startTransportGraphWorker } = await import('../workers/transport-graph-worker.ts');
  const config = loadConfig({
    FLEETGRAPH_POSTGRES_URL: postgresUrlOf(pool),
    FLEETGRAPH_REDIS_URL: redisUrlOf(redis),
    ...process.env,
  });
  return startTransportGraphWorker(config, createLogger('fleetgraph-worker', config.logLevel));
}

function postgresUrlOf({ options }: pg.Pool): string {
  if (options.connectionString !== undefined) return options.connectionString;
  const { user = '', password, host = 'localhost', port = 5432, database = '' } = options;
  const login = [user, typeof password === 'string' ? password : ''].map(encodeURIComponent).join(':');
  return `postgres://${login}@${encodeURIComponent(host)}:${port}/${encodeURIComponent(database)}`;
}

function redisUrlOf({ options }: Redis): string {
  const { username, password, host = 'localhost', port = 6379, db = 0, tls } = options;
  const login = password ? `${encodeURIComponent(username ?? '')}:${encodeURIComponent(password)}@` : '';
  return `${tls === undefined ? 'redis' : 'rediss'}://${login}${host}:${port}/${db}`;
}
