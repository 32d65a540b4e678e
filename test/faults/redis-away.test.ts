import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { maintainGraphs } from '../../src/activities/transport-graph/graph-builder/maintain-graphs.ts';
import type { Database } from '../../src/api/core/database.ts';
import type { TemporalGateway } from '../../src/api/core/temporal-gateway.ts';
import { HealthService } from '../../src/api/health/health.service.ts';
import { openRedis } from '../../src/connections/redis.ts';
import { unsettledGraphs } from '../../src/records/graphs.ts';
import { GraphReader } from '../../src/graph-store/graph-reader.ts';
import { type Stack, stackStateDir, startStack } from '../../src/stack/stack.ts';
import { eventually } from '../support/eventually.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { type FreshDatabase, freshDatabase } from '../support/stack.ts';
import { createBuilder, graphRows, seedNetwork } from '../support/graph-fixture.ts';

// A Redis of its own, with snapshots on: it is killed, starved and told to evict.

let stack: Stack;
let admin: Redis;
let database: FreshDatabase;
const open: Redis[] = [];

beforeAll(async () => {
  const stateDir = `${stackStateDir('test')}-graph-redis`;
  stack = await startStack({ stateDir, from: 'binaries', servers: ['redis'], durable: true });
  admin = new Redis(stack.redis.url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  admin.on('error', () => {});
}, 120_000);
afterAll(async () => {
  admin.disconnect();
  await stack.destroy();
});
beforeEach(async () => {
  await admin.flushall();
  await admin.save();
  await admin.config('SET', 'maxmemory-policy', 'volatile-lru', 'maxmemory', '256mb');
  database = await freshDatabase();
});
afterEach(async () => {
  for (const redis of open.splice(0)) redis.disconnect();
  await database.drop();
});

async function connect(address: { host: string; port: number } = stack.redis): Promise<Redis> {
  const redis = openRedis(`redis://${address.host}:${address.port}`, { commandTimeoutMs: 2_000 });
  open.push(redis);
  await new Promise((resolve) => redis.once('ready', resolve));
  return redis;
}

/** What /health/ready tells of this Redis. The other two parts are not the matter here, and always answer. */
async function readiness(redis: Redis): Promise<unknown> {
  const reader = { reader: database.pool, rows: async () => [] } as unknown as Database;
  const temporal = { ping: async () => {} } as unknown as TemporalGateway;
  const { checks } = await new HealthService(reader, redis, temporal).read();
  return checks.find(({ name }) => name === 'redis');
}

/** A first graph, saved to disk, and the data of a second one that is not built yet. */
async function firstGraph(redis: Redis, routes = 400): Promise<string> {
  await seedNetwork(database.pool, { stops: 100, routes });
  await createBuilder(database.pool, redis).build();
  await admin.save();
  await seedNetwork(database.pool, { stops: 100, routes, minutes: 5 });
  return (await admin.get('graph:version'))!;
}

/** Pointer, rows and keys agree: the live version is whole, is the active row, and there are keys of no other than `versions`. */
async function expectConsistent(versions: string[]): Promise<void> {
  const live = await admin.get('graph:version');
  const rows = await graphRows(database.pool);
  expect(rows.filter(({ state }) => !['retired', 'deleted', 'failed'].includes(state))).toEqual([
    { version: live, state: 'active' },
  ]);
  const reader = new GraphReader(admin);
  const stops = await reader.read(async (graph) => {
    const ids = await graph.stopIds();
    for (const id of ids) expect([await graph.node(id), await graph.neighbors(id)]).not.toContain(null);
    return ids.length;
  });
  expect(stops).toBe(100);
  const found = new Set((await admin.keys('graph:graph-v*')).map((key) => /graph-v\d+/.exec(key)![0]));
  expect([...found].sort()).toEqual(versions.toSorted());
}

test('the private instance is set as specified, but for the policy that would evict the graph', async () => {
  // Of this server's own command line: beforeEach changes some of it for the tests.
  await stack.server('redis').restart();
  await eventually(async () => expect(await admin.ping()).toBe('PONG'));
  const found = JSON.stringify(await Promise.all(['maxmemory', 'save'].map((name) => admin.config('GET', name))));
  expect(found).toContain(String(2 * 2 ** 30));
  expect(found).toContain('900 1 300 10 60 10000');
  expect(await admin.info('memory')).toContain('maxmemory_policy:volatile-lru');
});

test('Redis killed in the middle of a load: the old graph lives on, the half one is swept', async () => {
  const direct = await connect();
  const first = await firstGraph(direct, 40_000);
  const proxy = await startFaultProxy(stack.redis);
  const slow = await connect(proxy);
  proxy.set({ kind: 'rate', bytesPerSecond: 3_000_000 });
  const builder = createBuilder(database.pool, slow, { graceMs: 0 });
  const building = builder.build();
  building.catch(() => {});
  await eventually(async () => expect(Number(await admin.dbsize())).toBeGreaterThan(210));
  // Half of it is on the disk: what a crash leaves when a snapshot came at a bad time.
  await admin.save();
  await stack.server('redis').kill('SIGKILL');
  await expect(building).rejects.toMatchObject({ code: 'RedisUnavailable', retryable: true });
  expect(await graphRows(database.pool)).toEqual([
    { version: first, state: 'active' },
    { version: expect.any(String), state: 'failed' },
  ]);
  expect(await unsettledGraphs(database.pool)).toMatchObject([{ failure: expect.stringContaining('Redis') }]);
  await stack.server('redis').restart();
  await proxy.close();
  const found = (await admin.keys('graph:graph-v*')).filter((key) => !key.includes(first));
  expect(found.length).toBeGreaterThan(1);
  await maintainGraphs(createBuilder(database.pool, await connect(), { graceMs: 0 }).deps);
  await expectConsistent([first]);
});

test.each([
  { when: 'before', saved: false, newGraph: false },
  { when: 'before', saved: true, newGraph: true },
  { when: 'after', saved: true, newGraph: true },
  { when: 'after', saved: false, newGraph: false },
])(
  'Redis killed right $when the switch (snapshot: $saved): the pointer is old or new',
  async ({ when, saved, newGraph }) => {
    const redis = await connect();
    const first = await firstGraph(redis);
    const script = redis.eval.bind(redis) as (...args: unknown[]) => Promise<unknown>;
    let strikes = 0;
    const strike = async (): Promise<void> => {
      if (strikes++ > 0) return;
      if (saved) await admin.save();
      await stack.server('redis').kill('SIGKILL');
      setTimeout(() => void stack.server('redis').restart(), 500);
    };
    // The command itself is real; only the moment of the kill is chosen.
    redis.eval = (async (...args: unknown[]) => {
      if (when === 'before') await strike();
      const answer = await script(...args);
      if (when === 'after' && strikes === 0) {
        await strike();
        throw new Error('Connection is closed.');
      }
      return answer;
    }) as unknown as Redis['eval'];
    const outcome = await createBuilder(database.pool, redis, { graceMs: 0 })
      .build()
      .then(
        ({ status }) => status,
        (error: { code: string }) => error.code,
      );
    expect(outcome).toBe(newGraph ? 'success' : 'GraphSuperseded');
    const live = (await admin.get('graph:version'))!;
    expect(live === first).toBe(!newGraph);
    await expectConsistent(newGraph ? [first, live] : [first]);
  },
);

test.each(['before', 'after'])('Redis gone %s the switch and not back: unknown, until it is known', async (when) => {
  const redis = await connect();
  const first = await firstGraph(redis);
  const { build, deps } = createBuilder(database.pool, redis);
  // No snapshot has a switch that was answered: the Redis that comes back does not know of it.
  deps.faultPoint = (point) => {
    if (point === `graph-builder:${when}-switch`) void stack.server('redis').kill('SIGKILL');
  };
  await expect(build()).rejects.toMatchObject({ code: 'RedisUnavailable' });
  // `graph status` says so meanwhile, and one reconciliation settles it: its builder has ended its lease.
  expect(await unsettledGraphs(database.pool)).toMatchObject([{ state: 'activating', settled: false }]);
  await stack.server('redis').restart();
  await maintainGraphs(createBuilder(database.pool, await connect()).deps);
  expect(await unsettledGraphs(database.pool)).toMatchObject([{ state: 'failed', settled: true }]);
  await expectConsistent([first]);
});

test('the answer of the switch is lost: asked again, it has been done', async () => {
  const first = await firstGraph(await connect());
  const proxy = await startFaultProxy(stack.redis);
  const redis = await connect(proxy);
  proxy.set({ kind: 'drop-reply-after', pattern: /\r\neval\r\n/i, reset: true });
  const building = createBuilder(database.pool, redis).build();
  await eventually(() => expect(proxy.dropped()).toBe(1));
  proxy.set({ kind: 'pass' });
  await expect(building).resolves.toMatchObject({ status: 'success' });
  const live = (await admin.get('graph:version'))!;
  expect(live).not.toBe(first);
  await expectConsistent([first, live]);
  await proxy.close();
});

test('no memory left: the load fails and is removed, the live graph is intact', async () => {
  const redis = await connect();
  const first = await firstGraph(redis);
  await seedNetwork(database.pool, { stops: 100, routes: 30_000 });
  const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))![1]);
  await admin.config('SET', 'maxmemory', String(used + 2_000_000));
  const { build } = createBuilder(database.pool, redis);
  await expect(build()).rejects.toMatchObject({ code: 'RedisOutOfMemory' });
  await expectConsistent([first]);
  // Where nothing may be evicted it is known beforehand, and nothing is written at all.
  await admin.config('SET', 'maxmemory-policy', 'noeviction');
  await expect(build()).rejects.toMatchObject({
    code: 'RedisOutOfMemory',
    message: expect.stringContaining('needs about'),
  });
  await expectConsistent([first]);
});

test.each(['allkeys-lru', 'allkeys-lfu', 'allkeys-random'])('%s is refused with the command to run', async (policy) => {
  const redis = await connect();
  const first = await firstGraph(redis);
  await admin.config('SET', 'maxmemory-policy', policy);
  const builder = createBuilder(database.pool, redis);
  await expect(builder.build()).rejects.toMatchObject({
    code: 'RedisEvictsGraph',
    retryable: false,
    message: expect.stringMatching(
      /without an error while the next graph loads.*redis-cli CONFIG SET maxmemory-policy volatile-lru; redis-cli CONFIG SET maxmemory 2gb; redis-cli CONFIG SET save "900 1 300 10 60 10000"$/,
    ),
  });
  await expectConsistent([first]);
  builder.settings.allowEviction = true;
  const message = expect.stringMatching(/\(degraded: Redis may evict it\)$/);
  await expect(builder.build()).resolves.toMatchObject({ status: 'success', message });
  await expect(builder.build()).resolves.toMatchObject({ status: 'skipped', message });
  const advice = expect.stringContaining(
    `${policy} may evict the live graph: CONFIG SET maxmemory-policy volatile-lru`,
  );
  expect(await readiness(redis)).toMatchObject({ status: 'degraded', error: advice });
  await admin.config('SET', 'maxmemory-policy', 'volatile-lru');
  expect(await readiness(redis)).toMatchObject({ status: 'up' });
  const { rows } = await database.pool.query(`SELECT report FROM graphs WHERE state = 'active'`);
  expect(rows[0].report.issues).toContainEqual(
    expect.objectContaining({ code: 'eviction-allowed', severity: 'warning' }),
  );
});

test('what a killed builder left is finished or swept when its lease has run out', async () => {
  const redis = await connect();
  const first = await firstGraph(redis);
  const { pool } = database;
  const { deps } = createBuilder(pool, redis);
  const leave = async (state: string, lease: string): Promise<string> => {
    const { rows } = await pool.query(
      `INSERT INTO graphs (dataset_version, fingerprint, state, nodes, edges, content_sha256, lease_until)
       SELECT dataset_version, fingerprint, $1, nodes, edges, content_sha256, now() + $2::interval FROM graphs WHERE version = $3
       RETURNING version`,
      [state, lease, first],
    );
    const { version } = rows[0];
    for (const key of await admin.keys(`graph:${first}:*`)) await admin.copy(key, key.replace(first, version));
    await admin.zadd('graph:versions', Date.now(), version);
    return version;
  };
  const building = await leave('building', '-1 s');
  const alive = await leave('building', '1 min');
  const activating = await leave('activating', '-1 s');
  await maintainGraphs(deps);
  const states = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await graphRows(pool)).map(({ version, state }) => [version, state]));
  expect(await states()).toEqual({
    [first]: 'active',
    [building]: 'failed',
    [alive]: 'building',
    [activating]: 'failed',
  });
  expect(await admin.keys(`graph:${building}:*`)).toEqual([]);
  expect(await admin.keys(`graph:${activating}:*`)).toEqual([]);
  // Killed between the switch and its row.
  const switched = await leave('activating', '1 min');
  await admin.set('graph:version', switched);
  await maintainGraphs(deps);
  expect(await states()).toMatchObject({ [first]: 'retired', [alive]: 'building', [switched]: 'active' });
});

test('a Redis that hangs fails within its timeout; a pointer that is no text is refused', async () => {
  const redis = await connect();
  const first = await firstGraph(redis);
  const { build } = createBuilder(database.pool, redis);
  await stack.server('redis').kill('SIGSTOP');
  const started = Date.now();
  await expect(build()).rejects.toMatchObject({ code: 'RedisUnavailable' });
  expect(Date.now() - started).toBeLessThan(10_000);
  await stack.server('redis').kill('SIGCONT');
  await admin.del('graph:version');
  await admin.rpush('graph:version', 'x');
  await expect(build()).rejects.toMatchObject({ code: 'RedisRefused', retryable: false });
  await admin.del('graph:version');
  await admin.set('graph:version', first);
  await expectConsistent([first]);
});
