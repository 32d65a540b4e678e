import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Redis } from 'ioredis';
import pLimit from 'p-limit';
import type pg from 'pg';
import { createCustomStages } from '../../src/orchestrator/custom-stages.ts';
import { WorkerOrchestrator } from '../../src/orchestrator/worker-orchestrator.ts';
import { type SourceNetwork, sourceNetwork } from './source-network.ts';
import { eventually } from './eventually.ts';
import { type CommandOutput, type FleetWorker, runCli, startFleetWorker } from './fleet-worker.ts';
import { type EmulatedSource, startOdataSource } from '../../src/emulators/odata-source.ts';
import { takeRedisDatabase } from './redis-database.ts';
import { type SharedStack, freshDatabase, sharedStack } from './stack.ts';
import { createNamespace } from './temporal-namespace.ts';

/** Everything one test of the whole pipeline needs of its own: database, Redis database, Temporal namespace, OData source, worker processes. */
export interface Pipeline {
  stack: SharedStack;
  pool: pg.Pool;
  redis: Redis;
  client: Client;
  source: EmulatedSource;
  /** What the source publishes; change it between two runs. */
  network: SourceNetwork;
  orchestrator: WorkerOrchestrator;
  /** The environment of the processes that a test starts. */
  environment: Record<string, string>;
  /** Changes settings by a plain UPDATE of system_settings, as an operator may. The keys have no prefix `transport_graph.`. */
  set(settings: Record<string, string | number | boolean>): Promise<void>;
  startWorker(options?: { fault?: string; env?: Record<string, string> }): Promise<FleetWorker>;
  cli(...args: string[]): Promise<CommandOutput>;
  /** The rows of a statement. */
  rows<T = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<T[]>;
  /** The lines that workers printed. */
  log(): string[];
  /** Closes the first orchestrator only; a test closes each other one that it makes. */
  close(): Promise<void>;
}

/** Short waits, and no run but the test's own. Other tests check the defaults. */
const QUICK = {
  'retry.initial_ms': 100,
  'odata.retry_initial_ms': 5,
  'retry.heartbeat_timeout_ms': 10_000,
  'schedule.enabled': false,
};

export async function openPipeline({
  stack = sharedStack(),
  settings = {},
}: {
  stack?: SharedStack;
  settings?: Record<string, string | number | boolean>;
} = {}): Promise<Pipeline> {
  const database = await freshDatabase(stack.postgres);
  const name = new URL(database.url).pathname.slice(1).replaceAll('_', '-');
  const { client, namespace, close: closeNamespace } = await createNamespace(stack.temporal.address, name);
  const redisDatabase = await takeRedisDatabase(stack.redis.url);
  const network = sourceNetwork();
  const source = await startOdataSource(network as unknown as EmulatedSource['sets']);
  const folder = join(stack.stateDir, `pipeline-${name}`);
  mkdirSync(folder);
  const logFile = join(folder, 'worker.log');
  const customStages = createCustomStages(database.pool);
  const workers: FleetWorker[] = [];
  const pipeline: Pipeline = {
    stack,
    pool: database.pool,
    redis: redisDatabase.redis,
    client,
    source,
    network,
    orchestrator: new WorkerOrchestrator({ temporal: client, postgres: database.pool, customStages }),
    environment: {
      PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
      // A temporal.toml of the person who runs the tests must not be read.
      HOME: folder,
      FLEETGRAPH_POSTGRES_URL: database.url,
      FLEETGRAPH_REDIS_URL: redisDatabase.url,
      FLEETGRAPH_WORKER_ROLES: 'transport-graph',
      TEMPORAL_ADDRESS: stack.temporal.address,
      TEMPORAL_NAMESPACE: namespace,
    },
    async set(values) {
      for (const [key, value] of Object.entries(values)) {
        const { rowCount } = await database.pool.query('UPDATE system_settings SET value = $2 WHERE key = $1', [
          `transport_graph.${key}`,
          String(value),
        ]);
        if (rowCount !== 1) throw new Error(`There is no setting transport_graph.${key}.`);
      }
    },
    async startWorker({ fault, env = {} } = {}) {
      const worker = await startFleetWorker(
        { ...pipeline.environment, ...(fault === undefined ? {} : { FLEETGRAPH_FAULT: fault }), ...env },
        logFile,
      );
      workers.push(worker);
      return worker;
    },
    cli: (...args) => runCli(pipeline.environment, args),
    rows: async (sql, values = []) => (await database.pool.query(sql, values)).rows,
    log: () => readFileSync(logFile, 'utf8').split('\n'),
    async close() {
      await Promise.all(workers.map((worker) => worker.kill()));
      await customStages.close();
      await source.close();
      await redisDatabase.release();
      await closeNamespace();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await pipeline.set({ ...QUICK, 'odata.url': source.url, ...settings });
  return pipeline;
}

export interface HeldSource {
  /** Resolves when a request has reached the source. */
  asked(): Promise<void>;
  /** Lets the source answer the waiting requests and all later ones. */
  release(): void;
}

/** Makes the source wait with all its answers. */
export function holdSource(source: EmulatedSource): HeldSource {
  let open = (): void => {};
  const answering = new Promise<void>((resolve) => (open = resolve));
  const before = source.seen.length;
  source.fault = async () => {
    await answering;
    return false;
  };
  return {
    asked: () =>
      eventually(() => {
        if (source.seen.length === before) throw new Error('Nobody has asked the source.');
      }),
    release: () => {
      source.fault = null;
      open();
    },
  };
}

/** Three tests of a file run at once. On two cores more worker processes would only wait for each other. */
const place = pLimit(3);

/** Opens a pipeline for one test, and closes it whether or not the test failed. */
export const withPipeline = (
  options: Parameters<typeof openPipeline>[0],
  work: (pipeline: Pipeline) => Promise<void>,
): Promise<void> =>
  place(async () => {
    const pipeline = await openPipeline(options);
    try {
      await work(pipeline);
    } finally {
      await pipeline.close();
    }
  });
