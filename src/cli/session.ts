import type pg from 'pg';
import type { Redis } from 'ioredis';
import { WorkerPoolManager } from '../client/worker-pool-manager.ts';
import { type Config, loadConfig, readEnvironmentFile } from '../config.ts';
import { openPostgres } from '../connections/postgres.ts';
import { type ProgressStore, createProgressStore } from '../records/progress.ts';
import { openRedis } from '../connections/redis.ts';
import { type TemporalClient, openTemporal } from '../connections/temporal.ts';
import { findStackEnv } from '../stack/stack-env.ts';
import { stackStateDir } from '../stack/state-dir.ts';

export interface Session {
  config: Config;
  postgres: pg.Pool;
  redis: Redis;
  progress: ProgressStore;
  temporal(): Promise<TemporalClient>;
  manager(): Promise<WorkerPoolManager>;
  close(): Promise<void>;
}

/** Without FLEETGRAPH_POSTGRES_URL the commands use a private stack that runs on this machine: `npm run dev`, or the demo with --keep. */
export function readConfig(): Config {
  usePrivateStack();
  return loadConfig();
}

export function usePrivateStack(): void {
  if (process.env.FLEETGRAPH_POSTGRES_URL !== undefined) return;
  const { TEMPORAL_ADDRESS, TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE } = process.env;
  const found = (['dev', 'demo'] as const).find((purpose) => {
    const file = findStackEnv(stackStateDir(purpose), (line) => console.error(`(${line})`));
    return file !== null && readEnvironmentFile(file);
  });
  // A named profile has Temporal's address; its API key must not be sent to another one.
  const profileAsked = TEMPORAL_PROFILE !== undefined || TEMPORAL_CONFIG_FILE !== undefined;
  if (profileAsked && TEMPORAL_ADDRESS === undefined) delete process.env.TEMPORAL_ADDRESS;
  if (found !== undefined) console.error(`(using the private ${found} stack of this checkout)`);
}

/** Opens what a command needs, runs the command, and closes everything whether or not it failed. */
export async function withSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
  const config = readConfig();
  const postgres = openPostgres(config.postgresUrl, {
    max: 3,
    applicationName: 'fleetgraph cli',
    queryTimeoutMs: 70_000,
  });
  const redis = openRedis(config.redisUrl);
  const progress = createProgressStore(redis);
  let temporal: Promise<TemporalClient> | null = null;
  const session: Session = {
    config,
    postgres,
    redis,
    progress,
    temporal: () => (temporal ??= openTemporal()),
    manager: async () => new WorkerPoolManager({ temporal: (await session.temporal()).client, postgres, progress }),
    close: async () => {
      redis.disconnect();
      // A connection that could not be opened has thrown already.
      const opened = await temporal?.catch(() => null);
      await Promise.all([postgres.end(), opened?.close()]);
    },
  };
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
