import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { Redis } from 'ioredis';
import pLimit from 'p-limit';
import type pg from 'pg';
import { createCustomStages } from '../../src/orchestrator/custom-stages.ts';
import { WorkerOrchestrator } from '../../src/orchestrator/worker-orchestrator.ts';
import { type SourceNetwork, sourceNetwork } from '../odata/network.ts';
import { eventually } from './eventually.ts';
import { type CommandOutput, type FleetWorker, runCli, startFleetWorker } from './fleet-worker.ts';
import { type EmulatedSource, startOdataSource } from '../../src/demo/odata-source.ts';
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
  /** What a process of ours is started with. */
  environment: Record<string, string>;
  /** By a plain UPDATE of system_settings, as an operator may. Keys without their prefix `transport_graph.`. */
  set(settings: Record<string, string | number | boolean>): Promise<void>;
  startWorker(options?: { fault?: string; env?: Record<string, string> }): Promise<FleetWorker>;
  cli(...args: string[]): Promise<CommandOutput>;
  /** The rows of a statement. */
  rows<T = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<T[]>;
  /** What workers printed, line by line. */
  log(): string[];
  /** Every orchestrator but the first one is closed by whoever makes it. */
  close(): Promise<void>;
}

/** Quick waits, and no run but the test's own: the defaults are tested as what they are. */
const QUICK = {
  'retry.initial_ms': 100,
  'odata.retry_initial_ms': 5,
  'retry.heartbeat_timeout_ms': 10_000,
  'schedule.enabled': false,
};
/** Below it each test file that needs one has a number of its own. */
const FIRST_REDIS_DATABASE = 20;
const REDIS_DATABASES = 64;

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
      // No temporal.toml of whoever runs the tests.
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
  /** Resolves when somebody has asked the source. */
  asked(): Promise<void>;
  /** Lets it answer, what waits and all that comes. */
  release(): void;
}

/** From now on the source answers nobody. */
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

/** Of the tests that run at once in one file: on two cores more worker processes would only wait for each other. */
const place = pLimit(3);

/** Opens a pipeline for one test and closes it however the test ended. */
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

interface RedisDatabase {
  url: string;
  redis: Redis;
  release(): Promise<void>;
}

/** A database number that no other test uses: the keys of a graph have fixed names, and test files run side by side. */
async function takeRedisDatabase(url: string): Promise<RedisDatabase> {
  const registry = new Redis(url);
  for (let number = FIRST_REDIS_DATABASE; number < REDIS_DATABASES; number++) {
    const mark = `test-database:${number}`;
    if ((await registry.set(mark, process.pid, 'NX')) === null) continue;
    const redis = new Redis(`${url}/${number}`);
    await redis.flushdb();
    const release = async (): Promise<void> => {
      await redis.flushdb();
      redis.disconnect();
      await registry.del(mark);
      registry.disconnect();
    };
    return { url: `${url}/${number}`, redis, release };
  }
  registry.disconnect();
  throw new Error('Every database of the shared Redis is in use: more pipelines at once than it has numbers.');
}
