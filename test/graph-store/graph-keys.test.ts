import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { maintainGraphs } from '../../src/activities/transport-graph/graph-builder/maintain-graphs.ts';
import { rollbackGraph } from '../../src/activities/transport-graph/graph-builder/rollback-graph.ts';
import { openRedis } from '../../src/connections/redis.ts';
import { GraphReader } from '../../src/graph-store/graph-reader.ts';
import { freePort } from '../../src/stack/ports.ts';
import { eventually } from '../support/eventually.ts';
import { type FreshDatabase, freshDatabase, sharedStack } from '../support/stack.ts';
import { createBuilder, graphRows, seedNetwork } from '../support/graph-fixture.ts';

// A Redis in cluster mode, with all slots on one node: it refuses every command whose keys are of two slots, as each cluster does.

let server: ChildProcess;
let folder: string;
let redis: Redis;
let database: FreshDatabase;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'redis-cluster-'));
  const shared = new Redis(sharedStack().redis.url);
  const program = /^executable:(.+?)\r?$/m.exec(await shared.info('server'))![1]!;
  shared.disconnect();
  const port = await freePort();
  const options = {
    port,
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    'cluster-enabled': 'yes',
    // The port of its own choice is 10,000 higher, and may be none.
    'cluster-port': await freePort(),
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  server = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], { stdio: 'ignore' });
  redis = openRedis(`redis://127.0.0.1:${port}`, { commandTimeoutMs: 5_000 });
  await eventually(() => redis.ping());
  await redis.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await eventually(async () => expect(await redis.call('CLUSTER', 'INFO')).toMatch(/cluster_state:ok/));
}, 60_000);
beforeEach(async () => {
  await redis.flushall();
  database = await freshDatabase();
});
afterAll(async () => {
  redis.disconnect();
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
  await rm(folder, { recursive: true });
});

test('with the key tag a version is of one slot, and everything works as without', async () => {
  const { pool } = database;
  const { build, deps, settings } = createBuilder(pool, redis, { keyTag: true });
  await seedNetwork(pool, { stops: 40, routes: 160 });
  // Braces in an id must not choose the slot.
  await pool.query(`UPDATE stops SET id = 'a{b}c' WHERE id = 'stop-7'`);
  await pool.query(
    `UPDATE routes SET from_stop_id = replace(from_stop_id, 'stop-7', 'a{b}c') WHERE from_stop_id = 'stop-7'`,
  );
  await pool.query(`UPDATE routes SET to_stop_id = 'a{b}c' WHERE to_stop_id = 'stop-7'`);
  await build();
  const first = await redis.get('graph:version');
  const keys = await redis.keys(`graph:{${first}}:*`);
  expect(keys).toHaveLength(2 * 40 + 2);
  const slots = await Promise.all(keys.map((key) => redis.call('CLUSTER', 'KEYSLOT', key)));
  expect(new Set(slots).size).toBe(1);
  const reader = new GraphReader(redis, { keyTag: true });
  expect(await reader.read((graph) => graph.node('a{b}c'))).toMatchObject({ stopId: 'a{b}c' });

  await seedNetwork(pool, { stops: 40, routes: 160, minutes: 4 });
  expect(await build()).toMatchObject({ status: 'success' });
  expect(await rollbackGraph(deps, { actor: 'operator', reason: 'a test' })).toMatchObject({ to: first });
  expect(await reader.read(async ({ version }) => version)).toBe(first);
  settings.graceMs = 0;
  settings.versionsKept = 1;
  await maintainGraphs(deps);
  expect(await redis.dbsize()).toBe(2 * 40 + 2 + 2);
  await database.drop();
});

test('without it a cluster is refused before anything is written', async () => {
  const { pool } = database;
  await seedNetwork(pool, { stops: 4, routes: 8 });
  await expect(createBuilder(pool, redis).build()).rejects.toMatchObject({
    code: 'RedisRefused',
    retryable: false,
    message: expect.stringContaining('transport_graph.graph.key_tag'),
  });
  expect(await redis.dbsize()).toBe(0);
  expect(await graphRows(pool)).toMatchObject([{ state: 'failed' }]);
  await database.drop();
});
