import type { Redis } from 'ioredis';
import type pg from 'pg';
import { openTemporal } from '../connections/temporal.ts';
import { createCustomStages } from './custom-stages.ts';
import { WorkerOrchestrator } from './worker-orchestrator.ts';

let current: { orchestrator: WorkerOrchestrator; close(): Promise<void> } | null = null;

/** Makes the process's orchestrator, once; the stages themselves run in `fleetgraph worker` processes. */
export async function initializeWorkers(pool: pg.Pool, redis: Redis): Promise<void> {
  if (current !== null) return;
  // A pipeline whose last stage cannot reach Redis would fail after all the work was done.
  await redis.ping();
  const temporal = await openTemporal();
  const customStages = createCustomStages(pool);
  const orchestrator = new WorkerOrchestrator({ temporal: temporal.client, postgres: pool, customStages });
  await orchestrator.refreshMetadata();
  current = {
    orchestrator,
    close: async () => {
      await customStages.close();
      await temporal.close();
    },
  };
}

/** @throws Error before `initializeWorkers` */
export function getWorkerOrchestrator(): WorkerOrchestrator {
  if (current === null)
    throw new Error('There is no orchestrator yet: await initializeWorkers(pool, redis) at startup.');
  return current.orchestrator;
}

export async function closeWorkers(): Promise<void> {
  await current?.close();
  current = null;
}
