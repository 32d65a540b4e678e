/** The stage with its own SQL on PostgreSQL, after any changes of what it depends on; plan-virtual-entities.test.ts has the like of the plan alone. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { constructGraph } from '../../../../src/activities/transport-graph/graph-builder/construct-graph.ts';
import { openContext } from '../../../../src/activities/transport-graph/graph-builder/graph-builder-context.ts';
import { createStageLog } from '../../../../src/activities/transport-graph/stage-log.ts';
import { createGenerateVirtualEntities } from '../../../../src/activities/transport-graph/virtual-entities/generate-virtual-entities.ts';
import { type Builder, createBuilder } from '../../../support/graph-fixture.ts';
import { type RedisDatabase, takeRedisDatabase } from '../../../support/redis-database.ts';
import { type FreshDatabase, freshDatabase, sharedStack } from '../../../support/stack.ts';

const NAMES = ['Альфа', 'Бета', 'Гамма', 'Дельта', 'Эпсилон', 'Дзета', 'Эта', 'Тета'];

const HORIZON_DAYS = 3;
const FLIGHTS_PER_DAY = 2;

let database: FreshDatabase;
let redis: RedisDatabase;
let folder: string;
let builder: Builder;
beforeAll(async () => {
  database = await freshDatabase();
  redis = await takeRedisDatabase(sharedStack().redis.url);
  folder = await mkdtemp(join(tmpdir(), 'cities-'));
  const citiesFile = join(folder, 'cities.json');
  builder = createBuilder(database.pool, redis.redis, { citiesFile, horizonDays: HORIZON_DAYS });
});
afterAll(async () => {
  await redis.release();
  await database.drop();
  await rm(folder, { recursive: true });
});

/** What the source publishes and the operator has set at one moment. */
interface Moment {
  directory: string[];
  served: string[];
  /** Routes of the source, one way each, with so many flights to come; those from or to a city that is not served are not there. */
  ways: { from: string; to: string; flights: number }[];
  hubCity: string;
  strategy: 'hub' | 'direct';
  force: boolean;
}

const name = fc.constantFrom(...NAMES);
const moments: fc.Arbitrary<Moment> = fc.record({
  directory: fc.subarray(NAMES, { minLength: 2 }),
  served: fc.subarray(NAMES),
  ways: fc.array(fc.record({ from: name, to: name, flights: fc.nat(3) }), { maxLength: 12 }),
  hubCity: fc.constantFrom(...NAMES, 'Нигде'),
  strategy: fc.constantFrom('hub' as const, 'direct' as const),
  force: fc.boolean(),
});

const query = async (sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> =>
  (await database.pool.query(sql, values)).rows;

const latitudeOf = (city: string): number => 60 + NAMES.indexOf(city);

/** Writes the directory and the settings, and what the OData sync would have: the source's rows, and none of anybody else. */
async function come({ directory, served, ways, hubCity, strategy }: Moment): Promise<void> {
  Object.assign(builder.settings, { hubCity, strategy });
  const cities = directory.map((city) => ({
    name: city,
    latitude: latitudeOf(city),
    longitude: 120,
    timeZone: 'Asia/Yakutsk',
    population: 1,
    source: 'a test of ours',
  }));
  await writeFile(builder.settings.citiesFile, JSON.stringify({ cities }));
  const stops = served.map((city) => ({ id: `stop-${city}`, city, latitude: latitudeOf(city) }));
  const routes = ways
    .map(({ from, to, flights }, n) => ({ id: `way-${n}`, from: `stop-${from}`, to: `stop-${to}`, flights }))
    .filter(({ from, to }) => [from, to].every((id) => stops.some((stop) => stop.id === id)));
  await query(`UPDATE datasets SET state = 'superseded'`);
  await query(`INSERT INTO datasets (source, content_sha256, raw_sha256, state, stops, routes, flights)
    VALUES ('test', encode(sha256(gen_random_uuid()::text::bytea), 'hex'), repeat('0', 64), 'active', 0, 0, 0)`);
  await query('DELETE FROM stops');
  await query('DELETE FROM routes');
  await query('DELETE FROM flights WHERE NOT is_virtual');
  await query(
    `INSERT INTO stops SELECT id, city, city, latitude, 121, (SELECT max(version) FROM datasets) FROM jsonb_to_recordset($1) AS s(id text, city text, latitude float8)`,
    [JSON.stringify(stops)],
  );
  await query(
    `WITH r AS (SELECT * FROM jsonb_to_recordset($1) AS r(id text, "from" text, "to" text, flights int)),
       made AS (INSERT INTO routes SELECT id, id, "from", "to", 'BUS', 60, 50, 100, (SELECT max(version) FROM datasets) FROM r)
     INSERT INTO flights SELECT r.id || '/' || n, r.id, "from", "to", at, at + interval '1 hour', 50, false, NULL
       FROM r, generate_series(0, flights) n, LATERAL (SELECT now() + CASE n WHEN 0 THEN -30 ELSE n END * interval '1 day' AS at) t`,
    [JSON.stringify(routes)],
  );
}

const realRows = (): Promise<unknown[]> =>
  Promise.all([
    query('SELECT * FROM stops ORDER BY id'),
    query('SELECT * FROM routes ORDER BY id'),
    query('SELECT * FROM flights WHERE NOT is_virtual ORDER BY id'),
  ]);

async function generate(force: boolean): Promise<void> {
  const stage = createGenerateVirtualEntities({
    pool: database.pool,
    settings: builder.deps.settings,
    log: createStageLog('virtual-entities-generator', { write: () => {} }),
    heartbeat: () => {},
  });
  await stage({ workerId: 'virtual-entities-generator', workflowRunId: 'test', force });
}

/** Virtual flights that no route has, or that go elsewhere than it, and virtual routes with fewer flights than the days to come need. */
const ASTRAY = `
  SELECT f.id FROM flights f LEFT JOIN virtual_routes r ON r.id = f.route_id
   WHERE f.is_virtual AND (r.from_stop_id, r.to_stop_id) IS DISTINCT FROM (f.from_stop_id, f.to_stop_id)
  UNION ALL
  SELECT r.id FROM virtual_routes r LEFT JOIN flights f ON f.route_id = r.id GROUP BY r.id HAVING count(f.id) < $1`;

async function hold({ directory, served, force }: Moment): Promise<void> {
  const before = await realRows();
  await generate(force);
  expect(await realRows()).toEqual(before);
  const stops = await query('SELECT city_name AS city FROM virtual_stops');
  expect(stops.map(({ city }) => String(city)).sort()).toEqual(
    directory.filter((city) => !served.includes(city)).sort(),
  );
  expect(await query(ASTRAY, [HORIZON_DAYS * FLIGHTS_PER_DAY])).toEqual([]);
  // Rejects when the graph is not valid.
  const graph = await constructGraph(await openContext(builder.deps), { force: true });
  expect(graph).toMatchObject({ report: { valid: true, weakComponents: 1, strongComponents: 1 } });
}

const seed = Number(process.env['FC_SEED'] ?? Date.now() % 2 ** 31);
test(`after any changes of directory, source, hub and strategy the graph is valid, and no row of the source was touched (FC_SEED=${seed})`, async () => {
  await fc.assert(
    fc
      .asyncProperty(fc.array(moments, { minLength: 1, maxLength: 5 }), async (history) => {
        for (const moment of history) {
          await come(moment);
          await hold(moment);
        }
      })
      .beforeEach(async () => {
        await query('TRUNCATE virtual_stops, virtual_routes, flights, stage_completions');
      }),
    { numRuns: 60, seed, endOnFailure: true },
  );
});
