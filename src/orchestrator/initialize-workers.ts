import { once } from 'node:events';
import type { Redis } from 'ioredis';
import type pg from 'pg';
import { openTemporal } from '../connections/temporal.ts';
import { createCustomStages } from './custom-stages.ts';
import { WorkerOrchestrator } from './worker-orchestrator.ts';

/** The pipeline's own stages, run by this process. */
export interface InProcessWorker {
  /** Rejects when it ended by an error. */
  ended: Promise<void>;
  stop(): void;
}

interface Initialized {
  orchestrator: WorkerOrchestrator;
  close(): Promise<void>;
}

const CONNECT_MS = 10_000;

let beginning: Promise<void> | null = null;
let current: Initialized | null = null;

/**
 * Makes the process's orchestrator, once; the stages themselves run in `fleetgraph worker` processes, or in the worker that `startWorker`
 * starts. Temporal's address is taken from the environment, as its CLI does.
 */
export function initializeWorkers(
  pool: pg.Pool,
  redis: Redis,
  startWorker?: () => Promise<InProcessWorker>,
): Promise<void> {
  beginning ??= initialize(pool, redis, startWorker).catch((error: unknown) => {
    beginning = null;
    throw error;
  });
  return beginning;
}

async function initialize(
  pool: pg.Pool,
  redis: Redis,
  startWorker: (() => Promise<InProcessWorker>) | undefined,
): Promise<void> {
  // A pipeline whose last stage cannot reach Redis would fail after all the work was done.
  await connected(redis);
  await redis.ping();
  const temporal = await openTemporal();
  const customStages = createCustomStages(pool);
  const orchestrator = new WorkerOrchestrator({ temporal: temporal.client, postgres: pool, customStages });
  await orchestrator.refreshMetadata();
  const worker = await startWorker?.();
  // Its own log tells the error. Whoever starts something then is told that no worker is there.
  const ended = worker?.ended.catch(() => {});
  const close = async (): Promise<void> => {
    worker?.stop();
    await ended;
    await customStages.close();
    await temporal.close();
  };
  current = { orchestrator, close };
}

/** A client that was just made has no connection yet, and may be one that queues nothing. Rejects with the client's error, or after 10 s. */
async function connected(redis: Redis): Promise<void> {
  if (redis.status === 'wait') await redis.connect();
  else if (redis.status !== 'ready') await once(redis, 'ready', { signal: AbortSignal.timeout(CONNECT_MS) });
}

/** @throws Error before `initializeWorkers` */
export function getWorkerOrchestrator(): WorkerOrchestrator {
  if (current === null)
    throw new Error('There is no orchestrator yet: await initializeWorkers(pool, redis) at startup.');
  return current.orchestrator;
}

/** Lets the stages of this process end. Pool and Redis stay the caller's. */
export async function closeWorkers(): Promise<void> {
  const closing = current;
  [beginning, current] = [null, null];
  await closing?.close();
}
