import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { createBuilder, emptyRedis, seedNetwork } from '../../support/graph-fixture.ts';
import { eventually } from '../../support/eventually.ts';
import { type ApiFixture, openApi } from '../../support/fleet-api.ts';

const GRAPH = '/api/v1/graph';

let fixture: ApiFixture;
let redis: Redis;

beforeAll(async () => {
  fixture = await openApi();
  redis = await emptyRedis(fixture.redisUrl);
  await fixture.fleet.pool.query(
    `UPDATE system_settings SET value = 'false' WHERE key = 'transport_graph.schedule.enabled'`,
  );
}, 120_000);
afterAll(async () => {
  redis?.disconnect();
  await fixture?.close();
});

/** Builds the graph of such a network, as a worker does, and says which version it is. */
async function build(minutes: number): Promise<string> {
  await seedNetwork(fixture.fleet.pool, { stops: 6, routes: 12, minutes });
  await createBuilder(fixture.fleet.pool, redis).build();
  return (await redis.get('graph:version'))!;
}

test('before the first graph there is none, and it is said so', async () => {
  expect(await fixture.get(GRAPH)).toMatchObject({ status: 404, body: { code: 'NotFound' } });
  expect(await fixture.get(`${GRAPH}/nodes/stop-0`)).toMatchObject({ status: 503, body: { code: 'GraphUnavailable' } });
  expect((await fixture.get('/health/ready')).body).toMatchObject({
    status: 'degraded',
    graph: null,
    positions: 'native-partitions',
  });
});

test('stops, neighbours and ways are read of one version, which the headers name', async () => {
  const version = await build(0);
  const node = await fixture.get(`${GRAPH}/nodes/stop-0`);
  expect(node.body).toMatchObject({ stopId: 'stop-0', stopName: 'Остановка 0' });
  expect(node.headers.get('x-graph-version')).toBe(version);
  expect(node.headers.get('etag')).toBe(`"${version}"`);
  const { body: neighbors } = await fixture.get(`${GRAPH}/nodes/stop-0/neighbors`);
  expect(neighbors[0]).toMatchObject({ fromStopId: 'stop-0', weight: 21 });
  expect(await fixture.get(`${GRAPH}/nodes/nowhere`)).toMatchObject({ status: 404, body: { code: 'NotFound' } });

  const { body: way } = await fixture.get(`${GRAPH}/path?from=stop-0&to=stop-3`);
  expect(way).toMatchObject({ version, from: 'stop-0', to: 'stop-3' });
  expect(way.minutes).toBe(way.path.reduce((sum: number, { weight }: { weight: number }) => sum + weight, 0));
  expect([way.path[0].fromStopId, way.path.at(-1).toStopId]).toEqual(['stop-0', 'stop-3']);
  expect((await fixture.get(`${GRAPH}/path?from=stop-0&to=stop-0`)).body).toMatchObject({ minutes: 0, path: [] });
  expect(await fixture.get(`${GRAPH}/path?from=stop-0&to=nowhere`)).toMatchObject({ status: 404 });
  expect(await fixture.get(`${GRAPH}/path?from=stop-0`)).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'query.to' }] },
  });

  const { body: network } = await fixture.get(`${GRAPH}/network`);
  expect(network).toMatchObject({ version, nodes: { length: 6 } });
  expect(network.edges.every(([from, to]: [number, number]) => from < 6 && to < 6)).toBe(true);
});

test('who has the version already is not sent it again, until it is swapped', async () => {
  const version = (await fixture.get(GRAPH)).body.graph.version;
  for (const path of ['nodes/stop-0', 'nodes/stop-0/neighbors', 'path?from=stop-0&to=stop-3', 'network']) {
    const same = await fixture.get(`${GRAPH}/${path}`, { headers: { 'if-none-match': `"${version}"` } });
    expect({ path, status: same.status, body: same.body }).toEqual({ path, status: 304, body: '' });
  }
  for (const known of [`"${version}"`, '*']) {
    const nowhere = await fixture.get(`${GRAPH}/nodes/nowhere`, { headers: { 'if-none-match': known } });
    expect(nowhere).toMatchObject({ status: 404, body: { code: 'NotFound' } });
  }
  const next = await build(5);
  const changed = await fixture.get(`${GRAPH}/path?from=stop-0&to=stop-3`, {
    headers: { 'if-none-match': `"${version}"` },
  });
  expect(changed).toMatchObject({ status: 200, body: { version: next } });
  expect((await fixture.get(`${GRAPH}/network`)).body.version).toBe(next);
});

test('versions are listed with report and diff; an earlier one is activated, and left again', async () => {
  const { versions } = (await fixture.get(`${GRAPH}/versions`)).body;
  expect(versions.map(({ state }: { state: string }) => state)).toEqual(['active', 'retired']);
  const [live, before] = versions.map(({ version }: { version: string }) => version);
  const { report, diff } = (await fixture.get(`${GRAPH}/versions/${live}`)).body;
  expect(report).toMatchObject({ valid: true, nodes: 6 });
  expect(diff).toMatchObject({ edges: { changed: 12, added: 0, removed: 0 } });
  // What was found a moment ago is told again for half a second.
  await eventually(async () =>
    expect((await fixture.get('/health/ready')).body).toMatchObject({ status: 'ok', graph: { version: live } }),
  );

  await fixture.fleet.startWorker({
    env: {
      FLEETGRAPH_REDIS_URL: fixture.environment['FLEETGRAPH_REDIS_URL']!,
      FLEETGRAPH_WORKER_ROLES: 'transport-graph',
    },
  });
  const by = { reason: 'the new one has a wrong bridge' };
  expect((await fixture.post(`${GRAPH}/versions/${before}/activate`, by)).body).toEqual({
    success: true,
    from: live,
    to: before,
  });
  expect((await fixture.get(`${GRAPH}/nodes/stop-0`)).headers.get('x-graph-version')).toBe(before);
  expect(await fixture.post(`${GRAPH}/versions/${before}/activate`, by)).toMatchObject({
    status: 409,
    body: { code: 'WrongState' },
  });
  expect(await fixture.post(`${GRAPH}/versions/graph-v1/activate`, by)).toMatchObject({ status: 404 });
  // Two at once, and the same dialog sent later: the graph is left once.
  const leave = () => fixture.post(`${GRAPH}/rollback`, { ...by, from: before });
  const answers = [...(await Promise.all([leave(), leave()])), await leave()];
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409]);
  expect(answers.find(({ status }) => status === 200)!.body).toMatchObject({ from: before, to: live });
  expect(answers[2]!.body).toMatchObject({
    code: 'WrongState',
    error: expect.stringContaining(`the live graph is ${live} by now. Nothing was switched.`),
  });
  expect(await redis.get('graph:version')).toBe(live);
  expect(await fixture.post(`${GRAPH}/rollback`, {})).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'body.reason' }] },
  });
  await redis.del(`graph:${before}:node:stop-1`);
  expect(await fixture.post(`${GRAPH}/versions/${before}/activate`, by)).toMatchObject({
    status: 409,
    body: { error: expect.stringContaining('not whole') },
  });
  expect((await fixture.audited()).filter((action) => action === 'graph.rollback')).toHaveLength(2);
}, 90_000);

test('held datasets are listed and decided on', async () => {
  const { rows } = await fixture.fleet.pool.query<{ version: string }>(
    `INSERT INTO datasets (source, content_sha256, raw_sha256, state, stops, routes, flights, held_reason)
     SELECT 'test', md5(n::text) || md5(n::text), repeat('0', 64), 'held', 0, 0, 0, 'it is empty' FROM generate_series(1, 11) n RETURNING version::text`,
  );
  const [first, second, third] = rows.map(({ version }) => version);
  const { datasets } = (await fixture.get(`${GRAPH}/datasets?state=held`)).body;
  expect(datasets.map(({ version }: { version: string }) => version)).toEqual(
    rows.map(({ version }) => version).toReversed(),
  );
  const by = { reason: 'the source was emptied on purpose' };
  expect((await fixture.post(`${GRAPH}/datasets/${first}/approve`, by)).body.dataset).toMatchObject({
    decidedBy: 'test admin',
  });
  expect((await fixture.post(`${GRAPH}/datasets/${second}/reject`, by)).body.dataset).toMatchObject({
    state: 'rejected',
  });
  expect(await fixture.post(`${GRAPH}/datasets/${second}/reject`, by)).toMatchObject({
    status: 409,
    body: { code: 'DatasetDecisionRefused' },
  });
  expect(await fixture.post(`${GRAPH}/datasets/4711/approve`, by)).toMatchObject({ status: 404 });
  // What was decided on waits for nobody any more, although an approved dataset stays held until a sync takes it.
  await eventually(async () => {
    expect((await fixture.get('/metrics', { as: 'viewer' })).body).toMatch(/^fleetgraph_datasets_held 9$/m);
  });
  const { stdout } = await fixture.fleet.cli('graph', 'status');
  expect(stdout).toContain(`dataset ${third} is held`);
  expect(stdout).not.toContain(`dataset ${first} is held`);
});

test('a body that is nested deeper than anybody means is refused', async () => {
  for (const depth of [200, 30_000]) {
    const body = '['.repeat(depth) + ']'.repeat(depth);
    expect(await fixture.post(`${GRAPH}/rollback`, body)).toMatchObject({
      status: 400,
      body: { code: 'InvalidRequest', errors: [{ field: 'body', rule: 'too_deep' }] },
    });
  }
});

test('settings are read and changed, typed, within their bounds and with an entry in the audit log', async () => {
  const key = 'legacy_sync.worker_pool.max_workers';
  const path = `/api/v1/settings/${key}`;
  expect((await fixture.get('/api/v1/settings?category=legacy_sync')).body.settings[0]).toMatchObject({
    category: 'legacy_sync',
  });
  expect((await fixture.put(path, { value: 5, reason: 'night run' })).body.setting).toMatchObject({
    key,
    value: 5,
    type: 'number',
    default: 3,
  });
  expect(await fixture.put(path, { value: 'many' })).toMatchObject({
    status: 400,
    body: {
      code: 'InvalidSetting',
      errors: [{ field: 'body.value', rule: 'bounds', message: 'allowed is a whole number from 1 to 1000' }],
    },
  });
  expect(await fixture.put('/api/v1/settings/legacy_sync.no_such', { value: 1 })).toMatchObject({ status: 404 });
  expect((await fixture.get(path)).body.setting.value).toBe(5);
  const { entries } = (await fixture.get('/api/v1/audit?action=setting.changed&limit=1')).body;
  expect(entries[0]).toMatchObject({
    actor: 'test admin',
    subject: key,
    reason: 'night run',
    details: { from: '3', to: '5' },
  });
});
