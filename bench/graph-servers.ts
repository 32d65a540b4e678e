import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Redis } from 'ioredis';
import type pg from 'pg';
import { plainTable } from '../src/cli/run-table.ts';
import { openPostgres } from '../src/connections/postgres.ts';
import { openRedis } from '../src/connections/redis.ts';
import { type Stack, stackStateDir, startStack } from '../src/stack/stack.ts';
import { CLI } from './bench-stack.ts';

export interface GraphServers {
  stack: Stack;
  pool: pg.Pool;
  redis: Redis;
}

/** Starts PostgreSQL with all migrations, and Redis, for one bench, and removes both afterwards. */
export async function withGraphServers<T>(work: (servers: GraphServers) => Promise<T>): Promise<T> {
  const stack = await startStack({
    stateDir: stackStateDir('bench'),
    from: 'binaries',
    servers: ['postgres', 'redis'],
    postgresSettings: { max_wal_size: '6GB', checkpoint_timeout: '1h' },
    onProgress: (line) => console.log(line),
  });
  try {
    const url = stack.postgres.url('postgres');
    const environment = { ...process.env, FLEETGRAPH_POSTGRES_URL: url, FLEETGRAPH_REDIS_URL: stack.redis.url };
    await promisify(execFile)(process.execPath, [CLI, 'migrate'], { env: environment });
    const pool = openPostgres(url, { max: 4, applicationName: 'fleetgraph bench', statementTimeoutMs: 300_000 });
    const redis = openRedis(stack.redis.url, { commandTimeoutMs: 30_000 });
    await new Promise((resolve) => redis.once('ready', resolve));
    try {
      return await work({ stack, pool, redis });
    } finally {
      redis.disconnect();
      await pool.end();
    }
  } finally {
    await stack.destroy();
  }
}

export interface Limit {
  name: string;
  measured: number;
  atMost: number;
  unit: string;
}

/** Returns how many limits were exceeded. */
export function printLimits(limits: Limit[]): number {
  const rows = limits.map(({ name, measured, atMost, unit }) => [
    name,
    `${measured.toFixed(2)} ${unit}`,
    `≤ ${atMost} ${unit}`,
    measured <= atMost ? 'reached' : 'MISSED',
  ]);
  console.log(`\n${plainTable(['target', 'measured', 'wanted', ''], rows)}`);
  return rows.filter((row) => row.at(-1) === 'MISSED').length;
}

/** Returns milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
