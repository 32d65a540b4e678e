import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { maintainGraphs } from '../../../../src/activities/transport-graph/graph-builder/maintain-graphs.ts';
import { rollbackGraph } from '../../../../src/activities/transport-graph/graph-builder/rollback-graph.ts';
import { GraphReader } from '../../../../src/graph-store/graph-reader.ts';
import { type FreshDatabase, freshDatabase, sharedStack } from '../../../support/stack.ts';
import { unsettledGraphs } from '../../../../src/records/graphs.ts';
import { createBuilder, emptyRedis, graphRows, seedNetwork } from '../../../support/graph-fixture.ts';
import { reserveRedisDatabase } from '../../../support/redis-database.ts';

let database: FreshDatabase;
let redis: Redis;

beforeAll(async () => {
  redis = await emptyRedis(await reserveRedisDatabase(sharedStack().redis.url));
});
beforeEach(async () => {
  await redis.flushdb();
  database = await freshDatabase();
});
afterAll(() => redis.disconnect());

const drop = (): Promise<void> => database.drop();
const stored = async (): Promise<Record<string, unknown>> =>
  (await database.pool.query(`SELECT statistics -> 'graph' AS report FROM datasets WHERE state = 'active'`)).rows[0]
    .report;

test('the stored graph is exactly the spec’s, and the row goes with it', async () => {
  const { pool } = database;
  const version = await seedNetwork(pool, { stops: 3, routes: 3, flightsPerRoute: 2 });
  await pool.query(`UPDATE stops SET latitude = NULL, longitude = NULL, city_name = NULL WHERE id = 'stop-2'`);
  await pool.query(`DELETE FROM flights WHERE route_id = 'route-1'`);
  await pool.query(`UPDATE routes SET distance_km = NULL WHERE id = 'route-2'`);
  const { build, lines } = createBuilder(pool, redis);

  expect(await build()).toEqual({
    status: 'success',
    message: 'Graph built successfully: 3 nodes, 3 edges',
    datasetVersion: version,
    dataProcessed: { added: 6, updated: 0, deleted: 0 },
  });

  const live = await redis.get('graph:version');
  expect(live).toMatch(/^graph-v\d+$/);
  expect((await redis.smembers(`graph:${live}:nodes`)).sort()).toEqual(['stop-0', 'stop-1', 'stop-2']);
  const json = async (key: string): Promise<unknown> => JSON.parse((await redis.get(`graph:${live}:${key}`))!);
  expect(await json('node:stop-0')).toEqual({
    stopId: 'stop-0',
    stopName: 'Остановка 0',
    latitude: 60,
    longitude: 120,
    cityName: 'Город 0',
  });
  expect(await json('node:stop-2')).toEqual({ stopId: 'stop-2', stopName: 'Остановка 2' });
  const edge = { transportType: 'BUS' };
  // Two flights of 21 and 22 minutes; none, so the route's duration; no distance.
  expect(await json('neighbors:stop-0')).toEqual([
    { ...edge, fromStopId: 'stop-0', toStopId: 'stop-1', weight: 21, distance: 10, routeId: 'route-0' },
  ]);
  expect(await json('neighbors:stop-1')).toEqual([
    { ...edge, fromStopId: 'stop-1', toStopId: 'stop-2', weight: 60, distance: 11, routeId: 'route-1' },
  ]);
  expect(await json('neighbors:stop-2')).toEqual([
    { ...edge, fromStopId: 'stop-2', toStopId: 'stop-0', weight: 21, routeId: 'route-2' },
  ]);
  const { rows } = await pool.query('SELECT version, state, nodes, edges, dataset_version, report FROM graphs');
  expect(rows).toMatchObject([{ version: live, state: 'active', nodes: 3, edges: 3, dataset_version: version }]);
  expect(rows[0].report).toMatchObject({ valid: true, weakComponents: 1, strongComponents: 1 });
  for (const line of lines) expect(line).toMatch(/^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\] \[graph-builder\] /);
  await drop();
});

test('the same data builds nothing; changed or forced it does', async () => {
  const { pool } = database;
  await seedNetwork(pool, { stops: 4, routes: 8 });
  const { build } = createBuilder(pool, redis);
  await build();
  expect(await build()).toMatchObject({
    status: 'skipped',
    message: expect.stringMatching(/^Graph exists for dataset/),
  });
  expect(await graphRows(pool)).toHaveLength(1);
  expect(await build({ force: true })).toMatchObject({ status: 'success' });
  // A virtual entity is part of the identity, a virtual flight is not.
  await pool.query(`INSERT INTO virtual_stops VALUES ('virtual-stop-x', 'г. Х', 'Х', 60, 120, 'Asia/Yakutsk')`);
  await pool.query(`INSERT INTO virtual_routes VALUES
    ('virtual-route-virtual-stop-x-stop-0', 'Х → 0', 'virtual-stop-x', 'stop-0', 'BUS', 90, 90),
    ('virtual-route-stop-0-virtual-stop-x', '0 → Х', 'stop-0', 'virtual-stop-x', 'BUS', 90, 90)`);
  expect(await build()).toMatchObject({ message: 'Graph built successfully: 5 nodes, 10 edges' });
  await pool.query(`INSERT INTO flights VALUES ('vf', 'virtual-route-virtual-stop-x-stop-0', 'virtual-stop-x', 'stop-0',
    now(), now() + interval '90 min', 50, true)`);
  expect(await build()).toMatchObject({ status: 'skipped' });
  await seedNetwork(pool, { stops: 4, routes: 8, minutes: 5 });
  expect(await build()).toMatchObject({ status: 'success' });
  expect((await graphRows(pool)).map(({ state }) => state)).toEqual(['retired', 'retired', 'retired', 'active']);
  const { rows } = await pool.query(`SELECT report -> 'diff' AS diff FROM graphs WHERE state = 'active'`);
  expect(rows[0].diff).toMatchObject({ nodes: { added: 0, removed: 0 }, edges: { added: 0, removed: 0, changed: 8 } });
  await drop();
});

test.each([
  ['no stops', 'TRUNCATE stops', /no-nodes/],
  ['no routes', 'TRUNCATE routes', /no-edges/],
  [
    'a flight that arrives when it departs',
    `UPDATE flights SET arrival_at = departure_at WHERE id = 'route-3/1'`,
    /weight-invalid.*route-3/,
  ],
  [
    'neither flight nor duration',
    `DELETE FROM flights; UPDATE routes SET duration_minutes = NULL WHERE id = 'route-5'`,
    /weight-invalid: 1 .*route-5/,
  ],
  ['an endless duration', `UPDATE flights SET arrival_at = 'infinity' WHERE id = 'route-3/1'`, /weight-invalid/],
  ['an unknown stop', `UPDATE routes SET to_stop_id = 'nowhere' WHERE id = 'route-1'`, /edge-to-unknown-stop.*nowhere/],
  [
    'an island',
    `INSERT INTO stops SELECT 'island-' || i, 'Остров ' || i, NULL, 61, 121, version FROM datasets, generate_series(1, 2) i WHERE state = 'active';
     INSERT INTO routes SELECT 'ferry', 'Паром', 'island-1', 'island-2', 'FERRY', 10, 1, 1, version FROM datasets WHERE state = 'active'`,
    /not-connected: 2 parts.*8 stops.*2 stops \(island-1 “Остров 1”, island-2 “Остров 2”\)/,
  ],
])('%s: nothing is saved, readers keep what they have, the report is kept', async (_, breakIt, message) => {
  const { pool } = database;
  const { build } = createBuilder(pool, redis);
  await seedNetwork(pool, { stops: 8, routes: 16 });
  await build();
  const before = {
    keys: (await redis.keys('*')).sort(),
    rows: await graphRows(pool),
    live: await redis.get('graph:version'),
  };
  await seedNetwork(pool, { stops: 8, routes: 16, minutes: 1 });
  await pool.query(breakIt);
  await expect(build()).rejects.toMatchObject({
    code: 'GraphInvalid',
    retryable: false,
    message: expect.stringMatching(message),
  });
  expect({
    keys: (await redis.keys('*')).sort(),
    rows: await graphRows(pool),
    live: await redis.get('graph:version'),
  }).toEqual(before);
  expect(await stored()).toMatchObject({ valid: false });
  await drop();
});

test('one-way islands are named: an error, or a warning where the setting allows them', async () => {
  const { pool } = database;
  const { build, settings } = createBuilder(pool, redis);
  await seedNetwork(pool, { stops: 8, routes: 16 });
  await pool.query(
    `INSERT INTO stops SELECT 'pier-' || i, 'Причал ' || i, NULL, 61, 121, max(version) FROM datasets, generate_series(1, 2) i GROUP BY i;
     INSERT INTO routes SELECT v.id, 'Паром', v.a, v.b, 'FERRY', 10, 1, 1, max(version) FROM datasets,
       (VALUES ('there', 'stop-1', 'pier-1'), ('back', 'pier-2', 'stop-1')) v(id, a, b) GROUP BY 1, 3, 4;
     UPDATE datasets SET statistics = '{"virtualEntities": {"hubStopId": "stop-3"}}'`,
  );
  await expect(build()).rejects.toMatchObject({
    code: 'GraphInvalid',
    message: expect.stringMatching(
      /not-strongly-connected: 2 parts .* from “Остановка 3” .*1 stops \(pier-1 “Причал 1”\): not left \| 1 stops \(pier-2 “Причал 2”\): not reached/,
    ),
  });
  expect(await graphRows(pool)).toEqual([]);
  settings.oneWayStops = 'warning';
  await expect(build()).resolves.toMatchObject({ status: 'success' });
  expect(await stored()).toMatchObject({
    valid: true,
    weakComponents: 1,
    strongComponents: 3,
    issues: expect.arrayContaining([
      expect.objectContaining({
        code: 'not-strongly-connected',
        severity: 'warning',
        count: 2,
        samples: [
          { size: 1, stops: [{ stopId: 'pier-1', stopName: 'Причал 1' }], reachedFromHub: true, returnsToHub: false },
          { size: 1, stops: [{ stopId: 'pier-2', stopName: 'Причал 2' }], reachedFromHub: false, returnsToHub: true },
        ],
      }),
    ]),
  });
  await drop();
});

test('a graph that lost more than a fifth is refused, unless a person approved the dataset', async () => {
  const { pool } = database;
  const { build } = createBuilder(pool, redis);
  await seedNetwork(pool, { stops: 10, routes: 100 });
  await build();
  await seedNetwork(pool, { stops: 10, routes: 80 });
  await expect(build()).resolves.toMatchObject({ status: 'success' });
  await seedNetwork(pool, { stops: 10, routes: 63 });
  await expect(build()).rejects.toMatchObject({
    code: 'GraphInvalid',
    message: expect.stringContaining('80 → 63 edges'),
  });
  await pool.query(`UPDATE datasets SET decided_by = 'operator', decision_reason = 'winter' WHERE state = 'active'`);
  await expect(build()).resolves.toMatchObject({ status: 'success' });
  expect(await stored()).toMatchObject({ valid: true, issues: [{ code: 'shrink-approved', severity: 'warning' }] });
  await drop();
});

test('without a dataset there is nothing to build', async () => {
  await expect(createBuilder(database.pool, redis).build()).rejects.toMatchObject({
    code: 'GraphNoData',
    retryable: false,
  });
  await drop();
});

test('rollback sends readers back at once, is audited, and holds until the data changes', async () => {
  const { pool } = database;
  const { build, deps } = createBuilder(pool, redis);
  await seedNetwork(pool, { stops: 4, routes: 8 });
  await build();
  const first = await redis.get('graph:version');
  await seedNetwork(pool, { stops: 4, routes: 8, minutes: 7 });
  await build();
  const second = await redis.get('graph:version');
  const request = { actor: 'operator', reason: 'wrong timetable' };

  expect(await rollbackGraph(deps, request)).toEqual({ from: second, to: first });
  const weight = await new GraphReader(redis).read(async (graph) => (await graph.neighbors('stop-0'))![0]!.weight);
  expect(weight).toBe(21);
  expect(await graphRows(pool)).toEqual([
    { version: first, state: 'active' },
    { version: second, state: 'retired' },
  ]);
  const { rows } = await pool.query(`SELECT actor, action, subject, reason FROM audit_log`);
  expect(rows).toEqual([{ ...request, action: 'graph.rollback', subject: first }]);
  expect(await build()).toMatchObject({ status: 'skipped' });
  expect(await redis.get('graph:version')).toBe(first);

  const left = { from: second, to: first };
  await expect(rollbackGraph(deps, { ...request, from: second! })).rejects.toMatchObject({
    code: 'GraphSuperseded',
    message: `Leaving ${second}: the live graph is ${first} by now. Nothing was switched.`,
  });
  expect(await redis.get('graph:version')).toBe(first);
  const asked = { ...request, from: first!, request: 'a run of the workflow' };
  expect(await rollbackGraph(deps, asked)).toEqual({ from: first, to: second });
  // The answer of that attempt was lost: the next one of the same request changes nothing.
  expect(await rollbackGraph(deps, asked)).toEqual({ from: first, to: second });
  expect(await rollbackGraph(deps, { ...request, from: second! })).toEqual(left);
  expect(await rollbackGraph(deps, request)).toEqual({ from: first, to: second });
  await redis.unlink(`graph:${first}:node:stop-1`);
  await expect(rollbackGraph(deps, request)).rejects.toMatchObject({ code: 'GraphUnavailable' });
  expect(await redis.get('graph:version')).toBe(second);
  await drop();
});

test('three versions are kept, the others go after their grace', async () => {
  const { pool } = database;
  const { build, deps, settings } = createBuilder(pool, redis);
  for (let minutes = 0; minutes < 6; minutes++) {
    await seedNetwork(pool, { stops: 4, routes: 8, minutes });
    await build();
  }
  const versionsInRedis = async (): Promise<number> => (await redis.keys('graph:*:meta')).length;
  expect(await versionsInRedis()).toBe(6);
  settings.graceMs = 0;
  await maintainGraphs(deps);
  expect(await versionsInRedis()).toBe(3);
  expect((await graphRows(pool)).map(({ state }) => state)).toEqual([
    'deleted',
    'deleted',
    'deleted',
    'retired',
    'retired',
    'active',
  ]);
  // Three graphs of four stops, their sets and manifests, the pointer and the list of versions.
  expect(await redis.dbsize()).toBe(3 * (2 * 4 + 2) + 2);
  expect(await redis.zcard('graph:versions')).toBe(3);
  await drop();
});

test.each([
  ['another text in a key', (key: string) => redis.set(key, '{}')],
  ['a key less', (key: string) => redis.unlink(key)],
])('%s than was loaded: found by reading it back, and never switched to', async (_, interfere) => {
  const { pool } = database;
  const { build } = createBuilder(pool, redis);
  await seedNetwork(pool, { stops: 10, routes: 20 });
  await build();
  const before = {
    keys: (await redis.keys('*')).sort(),
    live: await redis.get('graph:version'),
    rows: await graphRows(pool),
  };
  await seedNetwork(pool, { stops: 10, routes: 20, minutes: 2 });
  // The load is real; another program writes into it.
  const mset = redis.mset.bind(redis) as (pairs: string[]) => Promise<'OK'>;
  redis.mset = (async (pairs: string[]) => {
    const answer = await mset(pairs);
    await interfere(pairs[4]!);
    return answer;
  }) as Redis['mset'];
  try {
    await expect(build()).rejects.toMatchObject({
      code: 'GraphUnavailable',
      message: expect.stringContaining('Verifying'),
    });
  } finally {
    redis.mset = mset as Redis['mset'];
  }
  const version = `graph-v${1_000_000_002}`;
  expect({
    keys: (await redis.keys('*')).sort(),
    live: await redis.get('graph:version'),
    rows: await graphRows(pool),
  }).toEqual({ ...before, rows: [...before.rows, { version, state: 'failed' }] });
  expect(await unsettledGraphs(pool)).toEqual([
    { version, state: 'failed', failure: expect.stringContaining('Verifying'), settled: true },
  ]);
  await drop();
});

test('cancelled while it loads: it ends as cancelled, and nothing of it is left', async () => {
  const { pool } = database;
  const { build, deps } = createBuilder(pool, redis, { loadBatch: 10 });
  await seedNetwork(pool, { stops: 100, routes: 200 });
  const cancelling = new AbortController();
  const reason = new Error('CANCELLED');
  deps.cancellationSignal = () => cancelling.signal;
  const mset = redis.mset.bind(redis) as (pairs: string[]) => Promise<'OK'>;
  redis.mset = ((pairs: string[]) => {
    cancelling.abort(reason);
    return mset(pairs);
  }) as Redis['mset'];
  try {
    await expect(build()).rejects.toBe(reason);
  } finally {
    redis.mset = mset as Redis['mset'];
  }
  expect(await redis.dbsize()).toBe(0);
  expect(await graphRows(pool)).toEqual([]);
  await drop();
});

test('two builders at once: one graph is live, nothing of the other is left', async () => {
  const { pool } = database;
  await seedNetwork(pool, { stops: 300, routes: 3_000 });
  const builders = Array.from({ length: 4 }, () => createBuilder(pool, redis));
  // With their connections open they begin at the same moment: one that began behind another's end would rightly build again.
  await Promise.all(builders.map(() => pool.query('SELECT pg_sleep(0.1)')));
  const outcomes = await Promise.all(builders.map(({ build }) => build({ force: true })));
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['skipped', 'skipped', 'skipped', 'success']);
  expect(await graphRows(pool)).toEqual([{ version: await redis.get('graph:version'), state: 'active' }]);
  expect(await redis.dbsize()).toBe(2 * 300 + 4);
  await drop();
});

test('a Redis that lost everything, or a part, is filled again with the very same graph', async () => {
  const { pool } = database;
  const { build, deps } = createBuilder(pool, redis);
  await seedNetwork(pool, { stops: 50, routes: 200 });
  await build();
  const contents = async (): Promise<[string, string | null][]> => {
    const keys = (await redis.keys('graph:graph-v*:n*:*')).sort();
    return Promise.all(keys.map(async (key): Promise<[string, string | null]> => [key, await redis.get(key)]));
  };
  const before = await contents();
  expect(before).toHaveLength(100);
  expect(await maintainGraphs(deps)).toBe('whole');
  await redis.flushdb();
  expect(await maintainGraphs(deps)).toBe('refilled');
  expect(await contents()).toEqual(before);
  await redis.unlink((await redis.keys('graph:*:neighbors:stop-7'))[0]!);
  expect(await maintainGraphs(deps)).toBe('refilled');
  await redis.del('graph:version');
  expect(await maintainGraphs(deps)).toBe('repointed');
  expect(await contents()).toEqual(before);
  // The data has moved on and there is no backup: the present graph is built instead.
  await seedNetwork(pool, { stops: 50, routes: 200, minutes: 3 });
  await redis.flushdb();
  expect(await maintainGraphs(deps)).toBe('rebuilt');
  expect((await graphRows(pool)).map(({ state }) => state)).toEqual(['retired', 'active']);
  await drop();
});

test('a database that was made anew never writes into a version that readers have', async () => {
  const { pool } = database;
  await redis.set('graph:version', 'graph-v1000000001');
  await redis.zadd('graph:versions', 0, 'graph-v1000000001');
  await redis.sadd('graph:graph-v1000000001:nodes', 'old');
  await redis.mset('graph:graph-v1000000001:meta', '{}', 'graph:graph-v1000000001:node:old', '{}');
  await seedNetwork(pool, { stops: 4, routes: 8 });
  const { build, deps, settings } = createBuilder(pool, redis);
  await build();
  expect(await redis.get('graph:version')).toBe('graph-v1000000002');
  expect(await redis.exists('graph:graph-v1000000001:node:old')).toBe(1);
  settings.graceMs = -60_000;
  await maintainGraphs(deps);
  expect(await redis.keys('graph:graph-v1000000001:*')).toEqual([]);
  await drop();
});
