import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { TRANSPORT_GRAPH_SETTINGS } from '../../src/settings/transport-graph.ts';
import { graphFindings } from '../../src/cli/doctor/graph-findings.ts';
import { GraphReader } from '../../src/graph-store/graph-reader.ts';
import { eventually } from '../support/eventually.ts';
import { startFleetWorker } from '../support/fleet-worker.ts';
import { freshDatabase, sharedStack } from '../support/stack.ts';
import { createNamespace } from '../support/temporal-namespace.ts';
import { createBuilder, emptyRedis, seedNetwork } from '../support/graph-fixture.ts';
import { reserveRedisDatabase } from '../support/redis-database.ts';

/** The bound. */
const REFILLED_WITHIN_MS = 60_000;

test('FLUSHALL: a running worker fills the graph again by itself, with the default settings', async () => {
  expect(TRANSPORT_GRAPH_SETTINGS.refillCheckMs.default * 1.25).toBeLessThan(REFILLED_WITHIN_MS / 2);
  const stack = sharedStack();
  const database = await freshDatabase();
  const redisUrl = await reserveRedisDatabase(stack.redis.url);
  const redis = await emptyRedis(redisUrl);
  const name = `refill-${randomBytes(4).toString('hex')}`;
  const { namespace, close } = await createNamespace(stack.temporal.address, name);
  const folder = join(stack.stateDir, name);
  mkdirSync(folder, { recursive: true });
  const environment = {
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    FLEETGRAPH_POSTGRES_URL: database.url,
    FLEETGRAPH_REDIS_URL: redisUrl,
    FLEETGRAPH_WORKER_ROLES: 'transport-graph',
    FLEETGRAPH_STAGING_DIR: join(folder, 'staging'),
    TEMPORAL_ADDRESS: stack.temporal.address,
    TEMPORAL_NAMESPACE: namespace,
  };
  await seedNetwork(database.pool, { stops: 500, routes: 2_000 });
  await createBuilder(database.pool, redis).build();
  const live = await redis.get('graph:version');
  const examined = () => graphFindings({ postgres: database.pool, redis });
  expect(await examined()).toEqual([]);
  await redis.del(`graph:${live}:node:stop-7`);
  expect(await examined()).toMatchObject([
    { severity: 'problem', subject: `graph ${live}`, found: expect.stringContaining('a part of it') },
  ]);
  await redis.flushdb();
  expect(await examined()).toMatchObject([
    { found: expect.stringContaining('readers get no graph'), remedy: expect.stringContaining('start one') },
  ]);
  const worker = await startFleetWorker(environment, join(folder, 'worker.log'));
  try {
    await eventually(async () => expect(await examined()).toEqual([]), { withinMs: REFILLED_WITHIN_MS });
    // The other tests' databases are on the same server: FLUSHDB is FLUSHALL for this one.
    await redis.flushdb();
    const reader = new GraphReader(redis);
    await expect(reader.read((graph) => graph.stopIds())).rejects.toMatchObject({ code: 'GraphUnavailable' });
    const lostAt = Date.now();
    await eventually(
      async () => {
        const found = await reader.read(async (graph) => ({
          version: graph.version,
          stops: (await graph.stopIds()).length,
        }));
        expect(found).toEqual({ version: live, stops: 500 });
      },
      { withinMs: REFILLED_WITHIN_MS },
    );
    expect(Date.now() - lostAt).toBeLessThan(REFILLED_WITHIN_MS);
    expect(worker.log()).toContain('filling it again');
  } catch (error) {
    throw new Error(`The worker's log:\n${worker.log()}`, { cause: error });
  } finally {
    await worker.kill();
    redis.disconnect();
    await close();
    await database.drop();
  }
}, 150_000);
