import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { approveDataset, rejectDataset } from '../../../../src/records/dataset-decisions.ts';
import { eventually } from '../../../support/eventually.ts';
import { startOdataSource } from '../../../../src/emulators/odata-source.ts';
import { DEFAULT_ODATA_MAPPING } from '../../../../src/settings/odata-mapping.ts';
import { ONE_C_MAPPING, oneCNetwork } from '../../../support/source-network.ts';
import { type SyncFixture, openSyncFixture } from './sync-fixture.ts';

let fixture: SyncFixture;
beforeAll(async () => {
  fixture = await openSyncFixture();
});
beforeEach(() => fixture.reset());
afterAll(() => fixture.close());

const NOTHING = { added: 0, updated: 0, deleted: 0 };
const datasets = () =>
  fixture.rows(
    'SELECT version::int, state, stops, routes, flights, added, updated, deleted FROM datasets ORDER BY version',
  );
/** Everything a sync may write, for "nothing was saved". */
const contents = () =>
  fixture.rows(`SELECT (SELECT jsonb_agg(s ORDER BY id) FROM stops s) AS stops,
                       (SELECT jsonb_agg(r ORDER BY id) FROM routes r) AS routes,
                       (SELECT jsonb_agg(f ORDER BY id) FROM flights f) AS flights,
                       (SELECT jsonb_agg(to_jsonb(d) - 'reading_sha256' ORDER BY version) FROM datasets d) AS datasets,
                       (SELECT count(*) FROM dataset_backups) AS backups`);

test('the first sync saves everything, in the spec’s words', async () => {
  expect(await fixture.sync()).toEqual({
    status: 'success',
    message: 'OData sync completed - 37 records updated',
    datasetVersion: '1',
    dataProcessed: { added: 37, updated: 0, deleted: 0 },
  });
  expect(await datasets()).toEqual([
    { version: 1, state: 'active', stops: 10, routes: 9, flights: 18, added: 37, updated: 0, deleted: 0 },
  ]);
  const [first] = await fixture.rows(`SELECT f.*, r.fare_rub, s.city_name, s.latitude FROM flights f
    JOIN routes r ON r.id = f.route_id JOIN stops s ON s.id = f.from_stop_id ORDER BY f.id LIMIT 1`);
  expect(first).toEqual({
    id: 'flight-0000-0',
    route_id: 'route-0000',
    from_stop_id: 'stop-0000',
    to_stop_id: 'stop-0001',
    departure_at: new Date('2026-11-30T23:00:00Z'),
    arrival_at: new Date('2026-11-30T23:10:00Z'),
    available_seats: 50,
    is_virtual: false,
    dataset_version: '1',
    fare_rub: '150.50',
    city_name: 'Якутск',
    latitude: 62,
  });
  const form = /^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\] \[odata-sync-worker\] ℹ️ (.*)$/;
  expect(fixture.lines.map((line) => form.exec(line)?.[1])).toEqual([
    expect.stringMatching(/^Step 1: Fetching OData API response\.\.\. run=/),
    'Fetched: 10 stops, 9 routes, 18 flights',
    'Step 2: Calculating data hash...',
    expect.stringMatching(/^Data hash: [0-9a-f]{64}$/),
    'Changes detected - proceeding with update',
    'Saved: 37 added, 0 updated, 0 deleted',
    'Worker finished: OData sync completed dataset=1',
  ]);
});

test('an unchanged source is skipped, whatever order and noise it comes with', async () => {
  await fixture.sync();
  const before = await contents();
  fixture.network.Stops.reverse();
  for (const route of fixture.network.Routes) route['FareRub'] = 150.5;
  expect(await fixture.sync()).toEqual({
    status: 'skipped',
    message: 'OData sync skipped - no changes detected',
    datasetVersion: '1',
    dataProcessed: NOTHING,
  });
  expect(await contents()).toEqual(before);
});

test('force takes the same content again, as a new version, and mends what was changed by hand', async () => {
  await fixture.sync();
  await fixture.database.pool.query(`UPDATE stops SET name = 'x' WHERE id = 'stop-0003'`);
  expect(await fixture.sync({ force: true })).toMatchObject({
    status: 'success',
    datasetVersion: '2',
    dataProcessed: { added: 0, updated: 1, deleted: 0 },
  });
  expect((await datasets()).map(({ state }) => state)).toEqual(['superseded', 'active']);
});

test('a change adds, updates and deletes exactly what changed; virtual flights and unchanged rows are left alone', async () => {
  await fixture.sync();
  await fixture.database.pool.query(`INSERT INTO flights (id, route_id, from_stop_id, to_stop_id, departure_at, arrival_at, is_virtual)
    VALUES ('vf:x', 'virtual-route-a-b', 'a', 'b', now(), now(), true)`);
  const { Stops, Routes, Flights } = fixture.network;
  Stops[0]!['Name'] = 'Автовокзал';
  Stops.push({ Id: 'stop-new', Name: 'New\tline\n\\N "quoted"', CityName: 'Мирный', Latitude: null, Longitude: null });
  Routes[1]!['DurationMinutes'] = null;
  Flights.splice(0, 2);
  expect(await fixture.sync()).toMatchObject({
    message: 'OData sync completed - 5 records updated',
    datasetVersion: '2',
    dataProcessed: { added: 1, updated: 2, deleted: 2 },
  });
  expect(
    await fixture.rows(
      `SELECT id, name, dataset_version::int AS version FROM stops WHERE id IN ('stop-0000', 'stop-0001', 'stop-new') ORDER BY id`,
    ),
  ).toEqual([
    { id: 'stop-0000', name: 'Автовокзал', version: 2 },
    { id: 'stop-0001', name: 'Остановка 1', version: 1 },
    { id: 'stop-new', name: 'New\tline\n\\N "quoted"', version: 2 },
  ]);
  expect(await fixture.rows('SELECT count(*)::int AS flights FROM flights WHERE is_virtual')).toEqual([{ flights: 1 }]);
  expect(await fixture.rows(`SELECT duration_minutes FROM routes WHERE id = 'route-0001'`)).toEqual([
    { duration_minutes: null },
  ]);
});

test('a batch size smaller than the set changes nothing but the batches', async () => {
  await fixture.set('sync.batch_size', '3');
  expect(await fixture.sync()).toMatchObject({ dataProcessed: { added: 37 } });
  expect(await fixture.rows('SELECT count(*)::int AS count FROM flights')).toEqual([{ count: 18 }]);
});

test('1C by an explicit mapping', async () => {
  const source = await startOdataSource(oneCNetwork(), '1c');
  try {
    await fixture.set('odata.url', source.url);
    await fixture.set('odata.mapping', JSON.stringify(ONE_C_MAPPING));
    source.login = { user: 'Обмен', password: 'тайна' };
    await fixture.set('odata.user', 'Обмен');
    process.env['FLEETGRAPH_TEST_ODATA_PASSWORD'] = 'тайна';
    await fixture.set('odata.password_ref', 'env:FLEETGRAPH_TEST_ODATA_PASSWORD');
    expect(await fixture.sync()).toMatchObject({ dataProcessed: { added: 37 } });
    expect(await fixture.rows('SELECT DISTINCT city_name FROM stops ORDER BY 1')).toEqual([
      { city_name: 'Якутск' },
      { city_name: null },
    ]);
  } finally {
    await source.close();
  }
});

test('the same network in another dialect is no change', async () => {
  await fixture.sync();
  const source = await startOdataSource({ ...fixture.network }, 'v3');
  try {
    await fixture.set('odata.url', source.url);
    expect(await fixture.sync()).toMatchObject({ status: 'skipped' });
  } finally {
    await source.close();
  }
});

test('a property that an explicit mapping names and no row has is an error; of the default mapping it is a warning', async () => {
  for (const route of fixture.network.Routes) delete route['DistanceKm'];
  await fixture.sync();
  expect(fixture.lines.some((line) => line.endsWith('⚠️ The source has no Routes.DistanceKm: left empty'))).toBe(true);
  await fixture.set('odata.mapping', JSON.stringify(DEFAULT_ODATA_MAPPING));
  await expect(fixture.sync()).rejects.toMatchObject({
    code: 'OdataInvalid',
    message: expect.stringContaining('Routes.DistanceKm'),
  });
});

test('no source yet', async () => {
  await fixture.set('odata.url', '');
  await expect(fixture.sync()).rejects.toMatchObject({ code: 'InvalidConfiguration' });
});

test.each<[string, (fixture: SyncFixture) => void, string]>([
  [
    'a row that cannot be read',
    ({ network }) => void (network.Flights.at(-1)!['DepartureAt'] = 'soon'),
    'OdataInvalid',
  ],
  [
    'an answer that is cut',
    ({ source }) => {
      source.fault = ({ set, count, query }, response) => {
        if (set !== 'Flights' || count || query.get('$top') === '1') return false;
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"value":[');
        return true;
      };
    },
    'OdataInvalid',
  ],
  [
    'a source that is away for its last set',
    ({ source }) => {
      source.fault = ({ set }, response) => {
        if (set === 'Flights') response.destroy();
        return set === 'Flights';
      };
    },
    'OdataUnavailable',
  ],
  [
    'a set that is gone',
    ({ network }) => void delete (network as Partial<SyncFixture['network']>).Flights,
    'OdataRejected',
  ],
])('%s: nothing is saved', async (_what, spoil, code) => {
  await fixture.sync();
  const before = await contents();
  fixture.network.Stops[0]!['Name'] = 'changed';
  spoil(fixture);
  if (!('Flights' in fixture.network)) delete fixture.source.sets['Flights'];
  await expect(fixture.sync()).rejects.toMatchObject({ code });
  expect(await contents()).toEqual(before);
});

test('a database error rolls everything back, in the last statement too', async () => {
  await fixture.sync();
  const before = await contents();
  fixture.network.Stops[0]!['Name'] = 'changed';
  fixture.network.Flights.pop();
  await fixture.database.pool.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
    CREATE TRIGGER refuse BEFORE DELETE ON flights FOR EACH STATEMENT EXECUTE FUNCTION refuse()`);
  await expect(fixture.sync()).rejects.toThrow('no');
  expect(await contents()).toEqual(before);
  await fixture.database.pool.query('DROP TRIGGER refuse ON flights');
  expect(await fixture.sync()).toMatchObject({ dataProcessed: { added: 0, updated: 1, deleted: 1 } });
});

test('a connection that dies in the middle leaves nothing behind, and the next attempt does it all', async () => {
  await fixture.sync();
  const before = await contents();
  fixture.network.Stops[0]!['Name'] = 'changed';
  const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`;
  await fixture.database.pool.query(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$;
    CREATE TRIGGER slow AFTER UPDATE ON stops FOR EACH STATEMENT EXECUTE FUNCTION slow()`);
  const syncing = fixture.sync().catch((error: unknown) => error);
  for (let killed = 0; killed === 0; ) killed = (await fixture.rows(`${kill} AND wait_event = 'PgSleep'`)).length;
  expect(await syncing).toMatchObject({ code: 'DatabaseUnavailable', retryable: true });
  expect(await contents()).toEqual(before);
  await fixture.database.pool.query('DROP TRIGGER slow ON stops');
  expect(await fixture.sync()).toMatchObject({ dataProcessed: { updated: 1 } });
});

test('cancelled while it saves: rolled back', async () => {
  await fixture.sync();
  const before = await contents();
  fixture.network.Stops[0]!['Name'] = 'changed';
  const controller = new AbortController();
  const faultPoint = () => controller.abort(new Error('cancelled'));
  const deps = { cancellationSignal: () => controller.signal, faultPoint };
  await expect(fixture.sync({ deps })).rejects.toThrow('cancelled');
  expect(await contents()).toEqual(before);
});

test('two syncs at once: one saves, the other finds that it came too late', async () => {
  await fixture.sync();
  fixture.network.Stops[0]!['Name'] = 'changed';
  const gate = await fixture.database.pool.connect();
  await gate.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('fleetgraph transport network', 0))`);
  const syncing = Promise.allSettled([fixture.sync(), fixture.sync()]);
  await eventually(async () => {
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`;
    expect(await fixture.rows(waiting)).toHaveLength(2);
  });
  await gate.query('COMMIT');
  gate.release();
  const results = await syncing;
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const [refused] = results.filter((result) => result.status === 'rejected');
  expect(refused?.reason).toMatchObject({ code: 'AlreadyRunning', retryable: true });
  expect((await datasets()).map(({ state }) => state)).toEqual(['superseded', 'active']);
});

test.each<[string, (fixture: SyncFixture) => void, string]>([
  ['an empty set', ({ network }) => void network.Flights.splice(0), 'flights fell from 18 to 0'],
  ['a set that lost more than a fifth', ({ network }) => void network.Stops.splice(0, 3), 'stops fell from 10 to 7'],
  ['no stops', ({ network }) => void network.Stops.splice(0), 'there are no stops'],
])('%s is held, and never a change', async (_what, spoil, reason) => {
  await fixture.sync();
  const before = await fixture.rows('SELECT * FROM stops ORDER BY id');
  spoil(fixture);
  const outcome = await fixture.sync();
  expect(outcome).toEqual({
    status: 'skipped',
    message: `OData sync held - ${reason}; dataset 2 waits for approval`,
    alert: {
      dedupeKey: 'held/odata/2',
      subject: 'dataset 2 is held and waits for your approval',
      message: `OData sync held - ${reason}; dataset 2 waits for approval`,
    },
    datasetVersion: '1',
    dataProcessed: NOTHING,
  });
  expect(await fixture.rows('SELECT * FROM stops ORDER BY id')).toEqual(before);
  expect(await fixture.rows('SELECT state, held_reason FROM datasets ORDER BY version')).toEqual([
    { state: 'active', held_reason: null },
    { state: 'held', held_reason: reason },
  ]);
  // Found again it is the same held dataset; force is no key to this gate.
  expect(await fixture.sync()).toEqual(outcome);
  expect(await fixture.sync({ force: true })).toEqual(outcome);
  expect(await datasets()).toHaveLength(2);
});

test('a fifth less is still a change, and the threshold is a setting', async () => {
  await fixture.sync();
  fixture.network.Stops.splice(0, 2);
  expect(await fixture.sync()).toMatchObject({ status: 'success' });
  await fixture.set('sync.shrink_percent', '5');
  fixture.network.Stops.splice(0, 1);
  expect(await fixture.sync()).toMatchObject({
    status: 'skipped',
    message: expect.stringContaining('stops fell from 8 to 7'),
  });
});

test('the first dataset ever is held when it has no stops', async () => {
  fixture.network.Stops.splice(0);
  expect(await fixture.sync()).toMatchObject({ status: 'skipped', datasetVersion: null });
  expect((await datasets()).map(({ state }) => state)).toEqual(['held']);
});

test('an approval lets the content in, with name and reason in the row and the audit log', async () => {
  await fixture.sync();
  fixture.network.Flights.splice(4);
  await fixture.sync();
  await approveDataset(fixture.database.pool, { version: '2', actor: 'ann', reason: 'winter timetable' });
  expect(await fixture.sync()).toMatchObject({
    status: 'success',
    datasetVersion: '3',
    dataProcessed: { deleted: 14 },
  });
  expect(await fixture.rows('SELECT state, decided_by, decision_reason FROM datasets ORDER BY version')).toEqual([
    { state: 'superseded', decided_by: null, decision_reason: null },
    { state: 'superseded', decided_by: 'ann', decision_reason: 'winter timetable' },
    { state: 'active', decided_by: 'ann', decision_reason: 'winter timetable' },
  ]);
  expect(
    await fixture.rows(`SELECT actor, action, subject, reason, details FROM audit_log WHERE action LIKE 'dataset.%'`),
  ).toEqual([
    {
      actor: 'ann',
      action: 'dataset.approved',
      subject: 'dataset 2',
      reason: 'winter timetable',
      details: { held: 'flights fell from 18 to 4' },
    },
  ]);
});

test('after an approval the source may have moved on a little, but not have lost as much again', async () => {
  await fixture.sync();
  fixture.network.Flights.splice(10);
  await fixture.sync();
  await approveDataset(fixture.database.pool, { version: '2', actor: 'ann', reason: 'winter timetable' });
  fixture.network.Flights.splice(2);
  expect(await fixture.sync()).toMatchObject({ message: expect.stringContaining('flights fell from 10 to 2') });
  // The approval of dataset 2 stands: what was held since then is another one.
  fixture.network.Flights.push({ ...fixture.network.Flights[0], Id: 'a' }, { ...fixture.network.Flights[0], Id: 'b' });
  for (let n = 0; n < 5; n++) fixture.network.Flights.push({ ...fixture.network.Flights[0], Id: `more-${n}` });
  expect(await fixture.sync()).toMatchObject({ status: 'success' });
});

test('of several approvals the latest is the measure, past the ninth dataset too', async () => {
  await fixture.sync();
  await fixture.rows(`SELECT setval(pg_get_serial_sequence('datasets', 'version'), 8)`);
  for (const [version, flights] of [
    ['9', 10],
    ['10', 4],
  ] as const) {
    fixture.network.Flights.splice(flights);
    expect(await fixture.sync()).toMatchObject({
      message: expect.stringContaining(`to ${flights}; dataset ${version} `),
    });
    await approveDataset(fixture.database.pool, { version, actor: 'ann', reason: 'winter timetable' });
  }
  fixture.network.Flights.push({ ...fixture.network.Flights[0], Id: 'one more' });
  expect(await fixture.sync()).toMatchObject({ status: 'success' });
});

test('rejected content is never taken, and a changed mind is possible', async () => {
  await fixture.sync();
  fixture.network.Flights.splice(4);
  await fixture.sync();
  await rejectDataset(fixture.database.pool, { version: '2', actor: 'ann', reason: 'broken export' });
  expect(await fixture.sync()).toMatchObject({
    status: 'skipped',
    message: 'OData sync skipped - ann rejected this content as dataset 2',
  });
  await approveDataset(fixture.database.pool, { version: '2', actor: 'bob', reason: 'it was right' });
  expect(await fixture.sync()).toMatchObject({ status: 'success', datasetVersion: '3' });
});

test('a source that recovers makes what is held moot', async () => {
  await fixture.sync();
  const flights = fixture.network.Flights.splice(4);
  await fixture.sync();
  fixture.network.Flights.push(...flights);
  expect(await fixture.sync()).toMatchObject({
    status: 'skipped',
    message: 'OData sync skipped - no changes detected',
  });
  fixture.network.Stops[0]!['Name'] = 'changed';
  expect(await fixture.sync()).toMatchObject({ status: 'success' });
  expect((await datasets()).map(({ state }) => state)).toEqual(['superseded', 'superseded', 'active']);
});

test.each([
  ['1', 'ann', 'why', /it is active/],
  ['99', 'ann', 'why', /there is no such dataset/],
  ['1', ' ', 'why', /give its version, your name and a reason/],
  ['1', 'ann', '', /give its version, your name and a reason/],
  ['one', 'ann', 'why', /give its version, your name and a reason/],
])('no decision on %s by "%s" because "%s"', async (version, actor, reason, message) => {
  await fixture.sync();
  for (const decide of [approveDataset, rejectDataset]) {
    const decision = decide(fixture.database.pool, { version, actor, reason });
    await expect(decision).rejects.toMatchObject({
      code: 'DatasetDecisionRefused',
      message: expect.stringMatching(message),
    });
  }
  expect(await fixture.rows(`SELECT 1 FROM audit_log WHERE action LIKE 'dataset.%'`)).toEqual([]);
});
