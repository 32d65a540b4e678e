import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createBuilder, emptyRedis, seedNetwork } from '../../support/graph-fixture.ts';
import { eventually } from '../../support/eventually.ts';
import { startApiProcess } from '../../support/api-process.ts';
import { type ApiFixture, openApi } from '../../support/fleet-api.ts';

const VEHICLES = '/api/v1/legacy-sync/vehicles';
const SETTING = '/api/v1/settings/legacy_sync.worker_pool.max_workers';
/** Long, so that nothing is forgotten by itself while a loaded machine takes its time. */
const RECENT_MS = 6_000;

let fixture: ApiFixture;

beforeAll(async () => {
  fixture = await openApi({
    environment: { FLEETGRAPH_API_RECENT_MS: String(RECENT_MS) },
  });
  await fixture.fleet.addVehicles(2, { rows: 0 });
}, 120_000);
afterAll(() => fixture?.close());

const labels = async (as?: 'viewer'): Promise<string[]> => {
  const { body } = await fixture.get(VEHICLES, as === undefined ? {} : { as });
  return body.vehicles.map(({ label }: { label: string }) => label);
};
const rename = (label: string) => fixture.fleet.pool.query('UPDATE vehicles SET label = $1 WHERE id = 1', [label]);

test('a read is answered from memory for a while, for every key', async () => {
  expect(await labels()).toEqual(['bus-1', 'bus-2']);
  await rename('changed elsewhere');
  expect(await labels('viewer')).toEqual(['bus-1', 'bus-2']);
});

test('another address is another answer, and no key is still no answer', async () => {
  const { body } = await fixture.get(`${VEHICLES}?limit=1`);
  expect(body.vehicles).toMatchObject([{ label: 'changed elsewhere' }]);
  expect(await fixture.get(VEHICLES, { as: null })).toMatchObject({ status: 401 });
});

test('what comes from memory has the same headers, and is for nobody whose key is none', async () => {
  const fresh = `${VEHICLES}?limit=2`;
  const [first, second] = [await fixture.get(fresh), await fixture.get(fresh)];
  const headersOf = ({ headers }: { headers: Headers }) => [...headers].filter(([name]) => name !== 'date');
  expect(headersOf(second)).toEqual(headersOf(first));
  expect(second).toMatchObject({ status: 200, body: first.body });
  const headers = { authorization: 'Bearer 000000000000.guessed' };
  expect(await fixture.get(fresh, { as: null, headers })).toMatchObject({
    status: 401,
    body: { success: false, code: 'Unauthenticated' },
  });
});

test('what comes from memory counts as a request of the key', async () => {
  const api = await startApiProcess({ ...fixture.environment, FLEETGRAPH_API_RATE_PER_MINUTE: '3' });
  try {
    const headers = { authorization: `Bearer ${fixture.keys.viewer}` };
    const statuses: number[] = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await fetch(`${api.url}${VEHICLES}`, { headers })).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
  } finally {
    await api.stop();
  }
});

test('whoever changes something sees what is', async () => {
  // Reads of the tests before may be too old on a slow machine: this one begins with a fresh one.
  expect(await fixture.put(SETTING, { value: 4, reason: 'in a test' })).toMatchObject({ status: 200 });
  const before = await labels();
  await rename('changed again');
  expect(await labels()).toEqual(before);
  expect(await fixture.put(SETTING, { value: 3, reason: 'in a test' })).toMatchObject({ status: 200 });
  expect(await labels()).toEqual(['changed again', 'bus-2']);
});

test('an answer in demand is renewed behind the readers, and one that was not asked for is made anew', async () => {
  await rename('renewed');
  await eventually(async () => expect(await labels()).toEqual(['renewed', 'bus-2']), { withinMs: 3 * RECENT_MS });
}, 60_000);

test('a version of the graph is known for a while, and what is read is of that version', async () => {
  const redis = await emptyRedis(fixture.redisUrl);
  try {
    const build = async (minutes: number): Promise<string> => {
      await seedNetwork(fixture.fleet.pool, { stops: 6, routes: 12, minutes });
      await createBuilder(fixture.fleet.pool, redis).build();
      return (await redis.get('graph:version'))!;
    };
    const told = async (): Promise<Set<string | null>> => {
      const paths = ['nodes/stop-0', 'nodes/stop-0/neighbors', 'path?from=stop-0&to=stop-3', 'network'];
      const answers = await Promise.all(paths.map((path) => fixture.get(`/api/v1/graph/${path}`)));
      return new Set(answers.map(({ headers }) => headers.get('x-graph-version')));
    };
    const first = await build(0);
    expect(await told()).toEqual(new Set([first]));
    const second = await build(5);
    expect(await told()).toEqual(new Set([first]));
    await fixture.put(SETTING, { value: 3, reason: 'in a test' });
    expect(await told()).toEqual(new Set([second]));
    const { body } = await fixture.get('/api/v1/graph/nodes/stop-0/neighbors');
    expect(body[0]).toMatchObject({ fromStopId: 'stop-0', weight: 26 });
  } finally {
    redis.disconnect();
  }
});
