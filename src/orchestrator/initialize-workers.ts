import type { Redis } from 'ioredis';
import type pg from 'pg';
import { openTemporal } from '../connections/temporal.ts';
import { createCustomStages } from './custom-stages.ts';
import { WorkerOrchestrator } from './worker-orchestrator.ts';

interface Initialized {
  orchestrator: WorkerOrchestrator;
  close(): Promise<void>;
}

let beginning: Promise<void> | null = null;
let current: Initialized | null = null;

/**
 * Makes the process's orchestrator, once; the stages themselves run in `fleetgraph worker` processes. Temporal's address is taken from the
 * environment, as its CLI does.
 */
export function initializeWorkers(pool: pg.Pool, redis: Redis): Promise<void> {
  beginning ??= initialize(pool, redis).catch((error: unknown) => {
    beginning = null;
    throw error;
  });
  return beginning;
}

async function initialize(pool: pg.Pool, redis: Redis): Promise<void> {
  // A pipeline whose last stage cannot reach Redis would fail after all the work was done.
  await redis.ping();
  const temporal = await openTemporal();
  const customStages = createCustomStages(pool);
  const orchestrator = new WorkerOrchestrator({ temporal: temporal.client, postgres: pool, customStages });
  await orchestrator.refreshMetadata();
  const close = async (): Promise<void> => {
    await customStages.close();
    await temporal.close();
  };
  current = { orchestrator, close };
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
