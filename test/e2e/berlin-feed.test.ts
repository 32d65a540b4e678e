import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DirectedGraph } from 'graphology';
import { connectedComponents } from 'graphology-components';
import { bidirectional } from 'graphology-shortest-path/unweighted.js';
import type { Redis } from 'ioredis';
import { createGenerateVirtualEntities } from '../../src/activities/transport-graph/virtual-entities/generate-virtual-entities.ts';
import { createStageLog } from '../../src/activities/transport-graph/stage-log.ts';
import { GraphReader } from '../../src/graph-store/graph-reader.ts';
import { type SyncFixture, openSyncFixture } from '../activities/transport-graph/odata-sync/sync-fixture.ts';
import { sharedStack } from '../support/stack.ts';
import { type Feed, berlinFeed } from './berlin-feed.ts';
import { type Builder, createBuilder, defaultSettings, emptyRedis, graphRows } from '../support/graph-fixture.ts';
import { reserveRedisDatabase } from '../support/redis-database.ts';

// Thousands of real stations, from the source to the graph: what a public feed has in it that no test of ours would think of.

const SLOWEST_MS = 180_000;

const feed = berlinFeed();
/** Another implementation, by others, says what is connected. */
const oracle = new DirectedGraph();
for (const { Id } of feed.Stops) oracle.addNode(Id);
for (const { FromStopId, ToStopId } of feed.Routes) oracle.addEdge(FromStopId, ToStopId);
const parts = connectedComponents(oracle).toSorted((a, b) => b.length - a.length);

let fixture: SyncFixture;
let redis: Redis;
beforeAll(async () => {
  fixture = await openSyncFixture();
  redis = await emptyRedis(await reserveRedisDatabase(sharedStack().redis.url));
  await fixture.reset();
});
afterAll(async () => {
  redis.disconnect();
  await fixture.close();
});

async function publish({ Stops, Routes, Flights }: Feed): Promise<void> {
  Object.assign(fixture.network, { Stops, Routes, Flights });
  expect(await fixture.sync()).toMatchObject({ status: 'success' });
}

const nameOf = (id: string): string => String(feed.Stops.find((stop) => stop['Id'] === id)!['Name']);

test(
  'the whole feed is in parts: refused, with each part named, and nothing is saved',
  async () => {
    expect(feed.Stops.length).toBeGreaterThan(13_000);
    expect(feed.Routes.length).toBeGreaterThan(35_000);
    expect(parts.length).toBeGreaterThan(1);
    await publish(feed);
    const { build } = createBuilder(fixture.database.pool, redis);
    const failure = await build().then(
      () => null,
      (error: { code: string; message: string }) => error,
    );
    expect(failure).toMatchObject({
      code: 'GraphInvalid',
      message: expect.stringContaining(`not-connected: ${parts.length} parts`),
    });
    for (const part of parts) expect(failure!.message).toContain(`${part.length} stops (`);
    for (const id of parts.at(-1)!) expect(failure!.message).toContain(`${id} “${nameOf(id)}”`);
    expect(await graphRows(fixture.database.pool)).toEqual([]);
    expect(await redis.dbsize()).toBe(0);
  },
  SLOWEST_MS,
);

test(
  'with virtual routes to the parts that are cut off it is one graph, and goes live',
  async () => {
    const { pool } = fixture.database;
    const folder = await mkdtemp(join(tmpdir(), 'cities-'));
    try {
      const berlin = {
        name: 'Berlin',
        latitude: 52.52,
        longitude: 13.4,
        timeZone: 'Europe/Berlin',
        population: 3_700_000,
        source: 'a test',
      };
      await writeFile(join(folder, 'cities.json'), JSON.stringify({ cities: [berlin] }));
      const settings: Builder['settings'] = defaultSettings({
        citiesFile: join(folder, 'cities.json'),
        hubCity: 'Berlin',
      });
      const generate = createGenerateVirtualEntities({
        pool,
        settings: { read: async () => settings },
        log: createStageLog('virtual-entities-generator', { write: () => {} }),
        heartbeat: () => {},
      });
      const made = () => generate({ workerId: 'virtual-entities-generator', workflowRunId: 'test', force: false });
      const pairs = parts.length - 1;
      settings.oneWayStops = 'warning';
      expect(await made()).toMatchObject({
        message: `Virtual entities generated: 0 stops, ${pairs * 2} routes, ${pairs * 2 * 730} flights`,
      });
      await expect(createBuilder(pool, redis).build()).rejects.toMatchObject({
        message: expect.stringContaining('not-strongly-connected'),
      });
      settings.oneWayStops = 'error';
      // Some of Berlin's stops are of one direction only: where that is no reason to refuse the graph, they get the way they lack.
      expect(await made()).toMatchObject({ status: 'success', dataProcessed: { deleted: 0 } });
      const [{ n: virtual }] = (await fixture.rows('SELECT count(*)::int AS n FROM virtual_routes')) as [{ n: number }];
      expect(virtual).toBeLessThan(60);
      // Those of them that nobody can place get none, and are named.
      await expect(createBuilder(pool, redis).build()).rejects.toMatchObject({
        message: expect.stringMatching(/not-strongly-connected: 16 parts .*: not left/),
      });
      expect(await createBuilder(pool, redis, { oneWayStops: 'warning' }).build()).toMatchObject({
        message: `Graph built successfully: ${feed.Stops.length} nodes, ${feed.Routes.length + virtual} edges`,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  SLOWEST_MS,
);

test(
  'the largest part alone goes live, and readers find the way that the oracle finds',
  async () => {
    const inside = new Set(parts[0]);
    await publish({
      Stops: feed.Stops.filter(({ Id }) => inside.has(Id as string)),
      Routes: feed.Routes.filter(({ FromStopId }) => inside.has(FromStopId as string)),
      Flights: [],
    });
    await fixture.rows('TRUNCATE virtual_routes');
    await fixture.rows('DELETE FROM flights');
    expect(await createBuilder(fixture.database.pool, redis, { oneWayStops: 'warning' }).build()).toMatchObject({
      message: expect.stringMatching(new RegExp(`^Graph built successfully: ${inside.size} nodes, `)),
    });
    // Alexanderplatz.
    const from = 'de:11000:900100003';
    const to = parts[0]!.at(-1)!;
    const hops = await new GraphReader(redis).read(async (graph) => {
      const distance = new Map([[from, 0]]);
      for (const stop of distance.keys()) {
        if (stop === to) break;
        for (const { toStopId } of (await graph.neighbors(stop))!) {
          if (!distance.has(toStopId)) distance.set(toStopId, distance.get(stop)! + 1);
        }
      }
      return distance.get(to);
    });
    expect(hops).toBe(bidirectional(oracle, from, to)!.length - 1);
  },
  SLOWEST_MS,
);
