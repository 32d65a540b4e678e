import { afterAll, beforeAll, beforeEach, expect, test as plainTest } from '@jest/globals';
import type { Redis } from 'ioredis';
import { openBackupStore } from '../../../../src/activities/transport-graph/backup-store.ts';
import { maintainGraphs } from '../../../../src/activities/transport-graph/graph-builder/maintain-graphs.ts';
import { type TestObjectStore, startObjectStore } from '../../../support/object-store.ts';
import { type FreshDatabase, freshDatabase, sharedStack } from '../../../support/stack.ts';
import { type Builder, createBuilder, emptyRedis, graphRows, seedNetwork } from '../../../support/graph-fixture.ts';
import { reserveRedisDatabase } from '../../../support/redis-database.ts';

const found = await startObjectStore();
if ('missing' in found) console.log(`backups of graphs are not tested: ${found.missing}`);
const test = 'missing' in found ? plainTest.skip : plainTest;
const store = found as TestObjectStore;

let database: FreshDatabase;
let redis: Redis;
let builder: Builder;

beforeAll(async () => {
  process.env['FLEETGRAPH_TEST_ACCESS_KEY'] = store.accessKeyId;
  process.env['FLEETGRAPH_TEST_SECRET_KEY'] = store.secretAccessKey;
  redis = await emptyRedis(await reserveRedisDatabase(sharedStack().redis.url));
});
beforeEach(async () => {
  await redis.flushdb();
  await database?.drop();
  database = await freshDatabase();
  builder = createBuilder(database.pool, redis, {
    backupEnabled: true,
    backupEndpoint: store.endpoint ?? '',
    backupBucket: store.bucket ?? '',
    backupAccessKeyRef: 'env:FLEETGRAPH_TEST_ACCESS_KEY',
    backupSecretKeyRef: 'env:FLEETGRAPH_TEST_SECRET_KEY',
    backupTimeoutMs: 5_000,
  });
  builder.deps.openBackupStore = openBackupStore;
});
afterAll(async () => {
  redis.disconnect();
  await database.drop();
  if (!('missing' in found)) await store.remove();
});

const backups = async (): Promise<unknown[]> =>
  (await database.pool.query('SELECT backup_status AS status, backup_key AS key FROM graphs ORDER BY id')).rows;

async function texts(): Promise<(string | null)[]> {
  const keys = (await redis.keys('graph:graph-v*:n*:*')).sort();
  return Promise.all(keys.map((key) => redis.get(key)));
}

test('when Redis has lost the graph and its data has moved on, it comes back from the backup', async () => {
  const { pool } = database;
  await seedNetwork(pool, { stops: 30, routes: 90 });
  await builder.build();
  expect(await backups()).toEqual([{ status: 'done', key: expect.stringMatching(/^graphs\/[0-9a-f]{64}\.json\.gz$/) }]);
  const before = await texts();
  const live = await redis.get('graph:version');
  await seedNetwork(pool, { stops: 30, routes: 90, minutes: 9 });
  await redis.flushdb();
  expect(await maintainGraphs(builder.deps)).toBe('refilled');
  expect(await redis.get('graph:version')).toBe(live);
  expect(await texts()).toEqual(before);
  // An object that is not that graph is not loaded.
  await pool.query(`UPDATE graphs SET content_sha256 = repeat('0', 64)`);
  await redis.flushdb();
  expect(await maintainGraphs(builder.deps)).toBe('rebuilt');
  expect((await graphRows(pool)).map(({ state }) => state)).toEqual(['retired', 'active']);
});

test('a store that is away fails no build, and is made up for when the time has come', async () => {
  const { pool } = database;
  await seedNetwork(pool, { stops: 30, routes: 90 });
  await store.stop();
  try {
    expect(await builder.build()).toMatchObject({ status: 'success' });
    expect(builder.lines.join('\n')).toMatch(/⚠️ The graph is live without a backup/);
    expect(await backups()).toEqual([{ status: 'failed', key: null }]);
  } finally {
    await store.start();
  }
  await maintainGraphs(builder.deps);
  expect(await backups()).toMatchObject([{ status: 'failed' }]);
  builder.settings.backupSweepMs = 0;
  await maintainGraphs(builder.deps);
  expect(await backups()).toMatchObject([{ status: 'done' }]);
});

test('a graph whose builder died before the backup, or that was built while backups were off, gets one', async () => {
  const { pool } = database;
  await seedNetwork(pool, { stops: 30, routes: 90 });
  builder.settings.backupEnabled = false;
  await builder.build();
  expect(await backups()).toEqual([{ status: 'off', key: null }]);
  builder.settings.backupEnabled = true;
  builder.settings.backupSweepMs = 0;
  await maintainGraphs(builder.deps);
  expect(await backups()).toMatchObject([{ status: 'done' }]);
});
