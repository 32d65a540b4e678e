import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readCities } from '../../../../src/activities/transport-graph/virtual-entities/cities-directory.ts';
import { createGenerateVirtualEntities } from '../../../../src/activities/transport-graph/virtual-entities/generate-virtual-entities.ts';
import { createStageLog } from '../../../../src/activities/transport-graph/stage-log.ts';
import type { StageOutcome } from '../../../../src/workflows/transport-graph/activities.ts';
import { type FreshDatabase, freshDatabase } from '../../../support/stack.ts';
import { type Builder, defaultSettings } from '../../../support/graph-fixture.ts';

let database: FreshDatabase;
let lines: string[];
let settings: Builder['settings'];

beforeEach(async () => {
  database = await freshDatabase();
  lines = [];
  settings = defaultSettings();
});
afterEach(() => database.drop());

function generate({ force = false } = {}): Promise<StageOutcome> {
  const log = createStageLog('virtual-entities-generator', { write: (line) => lines.push(line) });
  const stage = createGenerateVirtualEntities({
    pool: database.pool,
    settings: { read: async () => settings },
    log,
    heartbeat: () => {},
  });
  return stage({ workerId: 'virtual-entities-generator', workflowRunId: 'test', force });
}

const query = async (sql: string): Promise<Record<string, unknown>[]> => (await database.pool.query(sql)).rows;
const count = async (from: string): Promise<number> => Number((await query(`SELECT count(*) AS n FROM ${from}`))[0]!.n);

/** The source serves Якутск (two stops, the second is busier) and Мирный. */
async function dataset(): Promise<void> {
  await query(`UPDATE datasets SET state = 'superseded'`);
  await query(`INSERT INTO datasets (source, content_sha256, raw_sha256, state, stops, routes, flights)
    VALUES ('test', repeat('a', 64), repeat('b', 64), 'active', 3, 4, 3)`);
  await query(`INSERT INTO stops SELECT v.*, max(version) FROM datasets, (VALUES
    ('a', 'Автовокзал', 'г. Якутск', 62.03, 129.73), ('b', 'Аэропорт', 'ЯКУТСК', 62.09, 129.77), ('m', 'Мирный', 'Мирный', 62.54, 113.96)
    ) v(id, name, city, lat, lon) GROUP BY 1, 2, 3, 4, 5 ON CONFLICT DO NOTHING`);
  await query(`INSERT INTO routes SELECT v.a || v.b, 'R', v.a, v.b, 'BUS', 90, 10, 100, max(version) FROM datasets, (VALUES
    ('a', 'b'), ('b', 'a'), ('b', 'm'), ('m', 'b')) v(a, b) GROUP BY v.a, v.b ON CONFLICT DO NOTHING`);
  await query(`INSERT INTO flights SELECT 'f' || n, 'bm', 'b', 'm', now() + n * interval '1 day', now() + n * interval '1 day 2 hours', 50, false, NULL
    FROM generate_series(1, 3) n ON CONFLICT DO NOTHING`);
}

const NOTHING_MISSING = {
  status: 'skipped',
  message: expect.stringMatching(/^Virtual entities skipped - nothing is missing in dataset \d+$/),
};

test('every city without a stop is joined to the busiest stop of the hub, with 730 future flights a route', async () => {
  await dataset();
  const { cities } = await readCities('');
  const missing = cities.length - 2;
  const flights = missing * 2 * 730;
  expect(await generate()).toMatchObject({
    status: 'success',
    message: `Virtual entities generated: ${missing} stops, ${missing * 2} routes, ${flights} flights`,
    dataProcessed: { added: missing * 3 + flights, updated: 0, deleted: 0 },
  });
  expect(
    await query(
      `SELECT id, name, city_name, latitude, longitude, time_zone, type FROM virtual_stops WHERE city_name = 'Тикси'`,
    ),
  ).toEqual([
    {
      id: 'virtual-stop-tiksi',
      name: 'г. Тикси',
      city_name: 'Тикси',
      latitude: 71.69002,
      longitude: 128.86467,
      time_zone: 'Asia/Yakutsk',
      type: 'virtual',
    },
  ]);
  expect(
    await query(`SELECT id, name, transport_type, duration_minutes, round(distance_km) AS km, fare_rub::int AS fare FROM virtual_routes
                      WHERE from_stop_id = 'virtual-stop-tiksi' OR to_stop_id = 'virtual-stop-tiksi' ORDER BY id`),
  ).toEqual([
    // 62.09 N to 71.69 N, nearly along a meridian: 1068.2 km at 60 km/h, rounded up.
    {
      id: 'virtual-route-b-virtual-stop-tiksi',
      name: 'Якутск → Тикси',
      transport_type: 'BUS',
      duration_minutes: 1069,
      km: 1068,
      fare: 1000,
    },
    {
      id: 'virtual-route-virtual-stop-tiksi-b',
      name: 'Тикси → Якутск',
      transport_type: 'BUS',
      duration_minutes: 1069,
      km: 1068,
      fare: 1000,
    },
  ]);
  const perRoute =
    await query(`SELECT count(*)::int AS n, min(departure_at) > now() AS future, max(available_seats) AS seats,
      bool_and(arrival_at - departure_at = r.duration_minutes * interval '1 min') AS lasting
    FROM virtual_routes r JOIN flights f ON f.route_id = r.id GROUP BY r.id`);
  for (const row of perRoute) expect(row).toEqual({ n: 730, future: true, seats: 50, lasting: true });
  const clocks =
    await query(`SELECT DISTINCT to_char(departure_at AT TIME ZONE 'Asia/Srednekolymsk', 'HH24:MI') AS clock FROM flights
    WHERE from_stop_id = 'virtual-stop-cherskiy' ORDER BY 1`);
  expect(clocks).toEqual([{ clock: '08:00' }, { clock: '16:00' }]);
  expect(
    await query(`SELECT DISTINCT to_char(departure_at AT TIME ZONE 'Asia/Yakutsk', 'HH24:MI') AS clock FROM flights
    WHERE route_id = 'virtual-route-b-virtual-stop-cherskiy' ORDER BY 1`),
  ).toEqual(clocks);
  const [{ statistics }] = (await query(`SELECT statistics -> 'virtualEntities' AS statistics FROM datasets`)) as [
    { statistics: object },
  ];
  expect(statistics).toMatchObject({ stops: missing, routes: missing * 2, flights, strategy: 'hub', hubStopId: 'b' });
  // The orphan query that knows virtual stops.
  expect(
    await count(`flights f WHERE NOT EXISTS (SELECT FROM stops WHERE id = f.from_stop_id UNION ALL SELECT FROM virtual_stops WHERE id = f.from_stop_id)
    OR NOT EXISTS (SELECT FROM stops WHERE id = f.to_stop_id UNION ALL SELECT FROM virtual_stops WHERE id = f.to_stop_id)`),
  ).toBe(0);
});

test('again: nothing; a new dataset: existing ones are skipped with a warning', async () => {
  await dataset();
  await generate();
  const before = await count('flights');
  expect(await generate()).toMatchObject({ status: 'skipped', dataProcessed: { added: 0 } });
  await dataset();
  lines = [];
  expect(await generate()).toMatchObject(NOTHING_MISSING);
  const there = { stops: await count('virtual_stops'), routes: await count('virtual_routes'), flights: before - 3 };
  expect(lines.join('\n')).toContain(
    `⚠️ Skipped what exists: ${there.stops} virtual stops, ${there.routes} virtual routes, ${there.flights} virtual flights`,
  );
  const [row] = await query(
    `SELECT statistics -> 'virtualEntities' -> 'skipped' AS skipped FROM datasets WHERE state = 'active'`,
  );
  expect(row!['skipped']).toEqual(there);
  expect(await count('flights')).toBe(before);
});

test('a new day appends one day, and a lost one is made up', async () => {
  await dataset();
  await generate();
  const routes = await count('virtual_routes');
  // As if the last run had been a day ago.
  await query(
    `DELETE FROM flights f WHERE is_virtual AND departure_at > (SELECT max(departure_at) - interval '1 day' FROM flights WHERE route_id = f.route_id)`,
  );
  await query('DELETE FROM stage_completions');
  expect(await generate()).toMatchObject({
    message: `Virtual entities generated: 0 stops, 0 routes, ${routes * 2} flights`,
  });
  expect(await count('(SELECT FROM flights WHERE is_virtual GROUP BY route_id HAVING count(*) <> 730) wrong')).toBe(0);
});

test('a city whose time zone was corrected keeps the flights it has', async () => {
  await dataset();
  await generate();
  const before = await count('flights');
  // One hour to the west: 16:00 of the last day is later than the last flight, and has its id.
  await query(
    `UPDATE flights SET departure_at = departure_at - interval '1 h', arrival_at = arrival_at - interval '1 h' WHERE is_virtual`,
  );
  await query('DELETE FROM stage_completions');
  expect(await generate()).toMatchObject(NOTHING_MISSING);
  expect(await count('flights')).toBe(before);
});

test('a virtual stop whose city is served by now goes, with its routes and flights, also when the hub goes with it', async () => {
  await dataset();
  await generate();
  const tiksi = `'virtual-stop-tiksi'`;
  const realFlights = await query('SELECT * FROM flights WHERE NOT is_virtual ORDER BY id');
  await query(`INSERT INTO stops VALUES ('t', 'Порт', 'Тикси', 71.6, 128.8, 1)`);
  await query(`DELETE FROM routes WHERE 'b' IN (from_stop_id, to_stop_id)`);
  await query(`DELETE FROM stops WHERE id = 'b'`);
  await query('DELETE FROM stage_completions');
  await generate();
  expect(await count(`virtual_stops WHERE id = ${tiksi}`)).toBe(0);
  expect(await count(`virtual_routes WHERE ${tiksi} IN (from_stop_id, to_stop_id)`)).toBe(0);
  expect(await count(`flights WHERE ${tiksi} IN (from_stop_id, to_stop_id)`)).toBe(0);
  expect(await query('SELECT * FROM flights WHERE NOT is_virtual ORDER BY id')).toEqual(realFlights);
  expect(await count(`virtual_routes WHERE id IN ('virtual-route-a-t', 'virtual-route-t-a')`)).toBe(2);
});

test('no dataset: skipped, whatever the cities file holds', async () => {
  settings.citiesFile = '/nowhere/cities.json';
  expect(await generate()).toMatchObject({ status: 'skipped', datasetVersion: null });
  expect(await count('virtual_stops')).toBe(0);
});

test('partial generation is rolled back', async () => {
  await dataset();
  await query(`ALTER TABLE flights ADD CONSTRAINT planted CHECK (route_id <> 'virtual-route-virtual-stop-tiksi-b')`);
  await expect(generate()).rejects.toThrow(/planted/);
  for (const table of ['virtual_stops', 'virtual_routes', 'stage_completions']) expect(await count(table)).toBe(0);
  expect(await count('flights WHERE is_virtual')).toBe(0);
});

test('two runs at once generate once', async () => {
  await dataset();
  const outcomes = await Promise.all([generate(), generate(), generate()]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['skipped', 'skipped', 'success']);
});

test('direct connections when the hub is unknown or by setting, up to the cap', async () => {
  await dataset();
  const dir = await mkdtemp(join(tmpdir(), 'cities-'));
  try {
    const named = (name: string, latitude: number): object => ({
      name,
      latitude,
      longitude: 120,
      timeZone: 'Asia/Yakutsk',
      population: 1,
      source: 'a test of ours',
    });
    settings.citiesFile = join(dir, 'cities.json');
    await writeFile(
      settings.citiesFile,
      JSON.stringify({ cities: ['Альфа', 'Бета', 'Гамма'].map((name, i) => named(name, 60 + i)) }),
    );
    settings.hubCity = 'Нигде';
    settings.maxVirtualRoutes = 5;
    await expect(generate()).rejects.toMatchObject({
      code: 'TooManyVirtualRoutes',
      message: expect.stringMatching(/6 .*5 /),
    });
    expect(await count('virtual_stops')).toBe(0);
    settings.maxVirtualRoutes = 500;
    // Six among them, and a pair to the busiest stop of the source.
    expect(await generate()).toMatchObject({ message: expect.stringMatching(/: 3 stops, 8 routes, 5840 flights/) });
    expect(await count(`virtual_routes WHERE id = 'virtual-route-virtual-stop-alfa-virtual-stop-gamma'`)).toBe(1);
    expect(await count(`virtual_routes WHERE from_stop_id = 'b' OR to_stop_id = 'b'`)).toBe(2);
  } finally {
    await rm(dir, { recursive: true });
  }
  settings = defaultSettings({ strategy: 'direct' });
  await generate();
  expect(await count('virtual_routes')).toBeLessThanOrEqual(500 + 8);
  expect(lines.join('\n')).toMatch(
    /⚠️ Direct connections between 5\d cities take .* a sparser mesh of \d+ routes connects all/,
  );
});

test('a part of the source without a way to the hub gets a pair; one nobody can place is a warning', async () => {
  await dataset();
  await query(
    `INSERT INTO stops VALUES ('x', 'Остров', NULL, 70, 140, 1), ('y', 'Мыс', NULL, NULL, NULL, 1), ('z', 'Затерянный', NULL, NULL, NULL, 1)`,
  );
  await query(
    `INSERT INTO routes VALUES ('xy', 'R', 'x', 'y', 'BUS', 5, 1, 1, 1), ('yx', 'R', 'y', 'x', 'BUS', 5, 1, 1, 1)`,
  );
  await generate();
  expect(await query(`SELECT id FROM virtual_routes WHERE from_stop_id = 'x' OR to_stop_id = 'x' ORDER BY id`)).toEqual(
    [{ id: 'virtual-route-b-x' }, { id: 'virtual-route-x-b' }],
  );
  expect(lines.join('\n')).toMatch(/⚠️ 1 stops around “Затерянный” have no way to the rest/);
});

test('a stop that the source only enters, or only leaves, gets the one route it lacks, unless one-way stops may stay', async () => {
  await dataset();
  await query(
    `INSERT INTO stops VALUES ('in', 'Пристань', NULL, 62.2, 130, 1), ('out', 'Карьер', NULL, 62.3, 130, 1);
     INSERT INTO routes VALUES ('1', 'R', 'm', 'in', 'BUS', 5, 1, 1, 1), ('2', 'R', 'out', 'm', 'BUS', 5, 1, 1, 1)`,
  );
  settings.oneWayStops = 'warning';
  await generate();
  const added = `virtual_routes WHERE from_stop_id IN ('in', 'out') OR to_stop_id IN ('in', 'out')`;
  expect(await count(added)).toBe(0);
  settings.oneWayStops = 'error';
  await generate();
  expect(await query(`SELECT id FROM ${added} ORDER BY id`)).toEqual([
    { id: 'virtual-route-b-out' },
    { id: 'virtual-route-in-b' },
  ]);
});

test('the hub that is in use stays the hub; one the source lost is replaced and leaves nothing dangling', async () => {
  await dataset();
  await generate();
  // Now the other stop of Якутск is busier.
  await query(
    `INSERT INTO flights SELECT 'g' || n, 'ab', 'a', 'b', now(), now() + interval '1 h', 50, false, NULL FROM generate_series(1, 50) n`,
  );
  await query(`UPDATE datasets SET statistics = '{}'`);
  await query('DELETE FROM stage_completions');
  expect(await generate()).toMatchObject(NOTHING_MISSING);
  await query(`DELETE FROM stops WHERE id = 'b'`);
  await query(
    `UPDATE routes SET from_stop_id = replace(from_stop_id, 'b', 'a'), to_stop_id = replace(to_stop_id, 'b', 'a')`,
  );
  await query('DELETE FROM stage_completions');
  const outcome = await generate();
  expect(outcome.dataProcessed.deleted).toBe((await count('virtual_routes')) * 731);
  expect(await count(`virtual_routes WHERE from_stop_id = 'b' OR to_stop_id = 'b'`)).toBe(0);
  expect(await count(`flights WHERE is_virtual AND (from_stop_id = 'b' OR to_stop_id = 'b')`)).toBe(0);
});
