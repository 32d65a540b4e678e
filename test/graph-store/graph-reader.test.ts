import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { GraphReader, type PinnedGraph } from '../../src/graph-store/graph-reader.ts';
import { type FreshDatabase, freshDatabase, sharedStack } from '../support/stack.ts';
import { type Builder, createBuilder, emptyRedis, seedNetwork } from '../support/graph-fixture.ts';
import { reserveRedisDatabase } from '../support/redis-database.ts';

const STOPS = 60;
const ROUTES = 240;
const HOPS = 6;

let database: FreshDatabase;
let redis: Redis;
/** As an API process has it: many requests over one connection. */
let readers: Redis;
let builder: Builder;

beforeAll(async () => {
  database = await freshDatabase();
  const redisUrl = await reserveRedisDatabase(sharedStack().redis.url);
  redis = await emptyRedis(redisUrl);
  readers = new Redis(redisUrl, { enableAutoPipelining: true });
  builder = createBuilder(database.pool, redis, { graceMs: 2_000, versionsKept: 2 });
});
afterAll(async () => {
  readers.disconnect();
  redis.disconnect();
  await database.drop();
});

/** Every edge of the graph number n has the weight 21 + n: what is read tells which version it is of. */
async function swap(n: number): Promise<void> {
  await seedNetwork(database.pool, { stops: STOPS, routes: ROUTES, minutes: n });
  expect(await builder.build()).toMatchObject({ status: 'success' });
}

interface Tally {
  reads: number;
  failed: string[];
  mixed: number;
  versions: Set<string>;
}

/** One request after the other, each a walk of six hops, until told to stop. */
async function walkUntil(done: () => boolean, tally: Tally, request: (walk: Walk) => Promise<void>): Promise<void> {
  while (!done()) {
    const weights = new Set<number>();
    try {
      await request(async (graph) => {
        weights.clear();
        let stopId = `stop-${Math.floor(Math.random() * STOPS)}`;
        for (let hop = 0; hop < HOPS; hop++) {
          const edges = (await graph.neighbors(stopId))!;
          const edge = edges[Math.floor(Math.random() * edges.length)]!;
          for (const { weight } of edges) weights.add(weight);
          tally.reads += 1;
          stopId = edge.toStopId;
        }
        tally.versions.add(graph.version);
      });
    } catch (error) {
      tally.failed.push(String(error));
    }
    if (weights.size > 1) tally.mixed += 1;
  }
}
type Walk = (graph: PinnedGraph) => Promise<void>;

const newTally = (): Tally => ({ reads: 0, failed: [], mixed: 0, versions: new Set() });

test('100 swaps under 50 readers: a million reads, none failed, none of two versions', async () => {
  await swap(0);
  const reader = new GraphReader(readers);
  const tally = newTally();
  let swapped = false;
  const done = (): boolean => swapped && tally.reads >= 1_000_000;
  const walks = Array.from({ length: 50 }, () => walkUntil(done, tally, (walk) => reader.read(walk)));
  for (let n = 1; n <= 100; n++) await swap(n);
  swapped = true;
  await Promise.all(walks);
  expect(tally.failed).toEqual([]);
  expect(tally.mixed).toBe(0);
  expect(tally.reads).toBeGreaterThanOrEqual(1_000_000);
  expect(tally.versions.size).toBeGreaterThan(50);
  // Versions were removed meanwhile: the readers did not live on garbage that was never collected.
  expect((await redis.keys('graph:*:meta')).length).toBeLessThan(50);
}, 600_000);

test('the same readers without the pin do mix versions: the test above can fail', async () => {
  const reader = new GraphReader(readers);
  const tally = newTally();
  let swapped = false;
  const unpinned = (walk: Walk): Promise<void> =>
    reader.read((graph) => walk({ ...graph, neighbors: (stopId) => reader.read((anew) => anew.neighbors(stopId)) }));
  const walks = Array.from({ length: 50 }, () => walkUntil(() => swapped, tally, unpinned));
  for (let n = 101; n <= 110; n++) await swap(n);
  swapped = true;
  await Promise.all(walks);
  expect(tally.mixed).toBeGreaterThan(0);
}, 120_000);

test('a request that outlives its version starts over with the live one, once', async () => {
  const reader = new GraphReader(readers);
  let runs = 0;
  const weight = await reader.read(async (graph) => {
    runs += 1;
    if (runs === 1) await removeLive(graph.version);
    return (await graph.neighbors('stop-1'))![0]!.weight;
  });
  expect({ runs, weight }).toEqual({ runs: 2, weight: 21 + 200 });
  const always = reader.read(async (graph) => {
    runs += 1;
    await removeLive(graph.version);
    return graph.node('stop-1');
  });
  await expect(always).rejects.toMatchObject({ code: 'GraphUnavailable' });
  expect(runs).toBe(4);
}, 60_000);

let next = 200;
async function removeLive(version: string): Promise<void> {
  await swap(next++);
  await redis.unlink(...(await redis.keys(`graph:${version}:*`)));
}

test('one text alone is of the live version, whatever was live at the last request', async () => {
  const reader = new GraphReader(readers);
  const read = async (): Promise<{ version: string; weight: number }> => {
    const { version, text } = await reader.readText('neighbors', 'stop-1');
    return { version, weight: (JSON.parse(text!) as { weight: number }[])[0]!.weight };
  };
  for (const n of [301, 302]) {
    await swap(n);
    const expected = { version: await redis.get('graph:version'), weight: 21 + n };
    expect(await read()).toEqual(expected);
    expect(await read()).toEqual(expected);
  }
  expect(await reader.readText('node', 'nowhere')).toMatchObject({ text: null });
}, 60_000);

test('an error of the request’s own work stays what it is', async () => {
  const own = new TypeError('a mistake in the request');
  await expect(new GraphReader(readers).read(() => Promise.reject(own))).rejects.toBe(own);
});

test('an unknown stop is null, a hole in a version is a failure', async () => {
  const reader = new GraphReader(readers);
  expect(await reader.read((graph) => graph.node('nowhere'))).toBeNull();
  expect(await reader.read((graph) => graph.neighbors('nowhere'))).toBeNull();
  expect(await reader.read(async (graph) => (await graph.stopIds()).length)).toBe(STOPS);
  await redis.unlink(`graph:${await redis.get('graph:version')}:node:stop-3`);
  await expect(reader.read((graph) => graph.node('stop-3'))).rejects.toMatchObject({ code: 'GraphUnavailable' });
  await redis.del('graph:version');
  await expect(reader.read((graph) => graph.node('stop-3'))).rejects.toMatchObject({ code: 'GraphUnavailable' });
});
