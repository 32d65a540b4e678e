import type { Redis } from 'ioredis';
import type pg from 'pg';
import { createBuildGraph } from '../../src/activities/transport-graph/graph-builder/build-graph.ts';
import type { GraphBuilderDependencies } from '../../src/activities/transport-graph/graph-builder/graph-builder-context.ts';
import { createStageLog } from '../../src/activities/transport-graph/stage-log.ts';
import { openRedis } from '../../src/connections/redis.ts';
import { TRANSPORT_GRAPH_SETTINGS, type TransportGraphSettings } from '../../src/settings/transport-graph.ts';
import type { StageOutcome } from '../../src/workflows/transport-graph/activities.ts';

export interface Network {
  stops: number;
  routes: number;
  /** Added to every duration; another value gives another graph. */
  minutes?: number;
  flightsPerRoute?: number;
}

/** Writes a ring of stops with chords, strongly connected when `routes >= stops`. It replaces the rows there are, as the OData sync does. */
export async function seedNetwork(pool: pg.Pool, network: Network): Promise<string> {
  const { stops, routes, minutes = 0, flightsPerRoute = 1 } = network;
  await pool.query(`UPDATE datasets SET state = 'superseded' WHERE state = 'active'`);
  const { rows } = await pool.query<{ version: string }>(
    `INSERT INTO datasets (source, content_sha256, raw_sha256, state, stops, routes, flights)
     VALUES ('test', encode(sha256(convert_to($4, 'UTF8')), 'hex'), repeat('0', 64), 'active', $1, $2, $3) RETURNING version`,
    [stops, routes, routes * flightsPerRoute, JSON.stringify(network)],
  );
  const version = rows[0]!.version;
  await pool.query('TRUNCATE stops, routes, flights');
  await pool.query(
    `INSERT INTO stops SELECT 'stop-' || i, 'Остановка ' || i, 'Город ' || i % 60, 60 + i % 100 / 100.0, 120 + i / 100 / 100.0, $2
     FROM generate_series(0, $1::int - 1) i`,
    [stops, version],
  );
  await pool.query(
    `INSERT INTO routes SELECT 'route-' || i, 'Маршрут ' || i, 'stop-' || i % $2, 'stop-' || (i % $2 + 1 + i / $2 * 7) % $2,
            'BUS', 60, 10 + i % 500, 1000, $3 FROM generate_series(0, $1::int - 1) i`,
    [routes, stops, version],
  );
  await pool.query(
    `INSERT INTO flights SELECT r.id || '/' || n, r.id, r.from_stop_id, r.to_stop_id, t.at, t.at + (20 + n + $2) * interval '1 minute', 50, false, $3
     FROM routes r, generate_series(1, $1::int) n, LATERAL (SELECT date_trunc('day', now()) + interval '60 days' + n * interval '8 hours' AS at) t`,
    [flightsPerRoute, minutes, version],
  );
  return version;
}

export function defaultSettings(changed: Partial<TransportGraphSettings> = {}): TransportGraphSettings {
  const defaults = Object.entries(TRANSPORT_GRAPH_SETTINGS).map(([name, setting]) => [name, setting.default]);
  return { ...(Object.fromEntries(defaults) as TransportGraphSettings), ...changed };
}

export interface Builder {
  deps: GraphBuilderDependencies;
  /** A change counts from the next piece of work on. */
  settings: { -readonly [K in keyof TransportGraphSettings]: TransportGraphSettings[K] };
  lines: string[];
  build(options?: { force?: boolean }): Promise<StageOutcome>;
}

export function createBuilder(pool: pg.Pool, redis: Redis, changed: Partial<TransportGraphSettings> = {}): Builder {
  const settings = defaultSettings(changed);
  const lines: string[] = [];
  const deps: GraphBuilderDependencies = {
    pool,
    redis,
    settings: { read: async () => settings },
    openBackupStore: async () => {
      throw new Error('this test has no object store');
    },
    log: createStageLog('graph-builder', { write: (line) => lines.push(line) }),
    heartbeat: () => {},
    cancellationSignal: () => new AbortController().signal,
  };
  const buildGraph = createBuildGraph(deps);
  const build = ({ force = false } = {}): Promise<StageOutcome> =>
    buildGraph({ workerId: 'graph-builder', workflowRunId: 'test', force });
  return { deps, settings, lines, build };
}

/** Connects as the worker does to a Redis database, and empties it. */
export async function emptyRedis(url: string): Promise<Redis> {
  const redis = openRedis(url, { commandTimeoutMs: 10_000 });
  await new Promise((resolve) => redis.once('ready', resolve));
  await redis.flushdb();
  return redis;
}

/** The rows of `graphs`, oldest first. */
export async function graphRows(pool: pg.Pool): Promise<{ version: string; state: string }[]> {
  return (await pool.query<{ version: string; state: string }>('SELECT version, state FROM graphs ORDER BY id')).rows;
}
