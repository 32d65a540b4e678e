import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createStageLog } from '../src/activities/transport-graph/stage-log.ts';
import { createGenerateVirtualEntities } from '../src/activities/transport-graph/virtual-entities/generate-virtual-entities.ts';
import { defaultSettings } from '../test/support/graph-fixture.ts';
import { median } from './figures.ts';
import { type GraphServers, printLimits, timed, withGraphServers } from './graph-servers.ts';

export const VIRTUAL = { cities: 250, rounds: 5 };

/** Measures the first year of flights for 500 routes, beside an INSERT of the same rows by generate_series into a table with the same indexes. */
export function virtualEntities({ cities, rounds } = VIRTUAL): Promise<number> {
  return withGraphServers(async (servers) => {
    const { pool, stack } = servers;
    const citiesFile = join(stack.stateDir, 'cities.json');
    await writeFile(
      citiesFile,
      JSON.stringify({ cities: Array.from({ length: cities + 1 }, (_, i) => syntheticCity(i)) }),
    );
    await seedHub(servers);
    const settings = defaultSettings({ citiesFile, hubCity: 'Город 0' });
    const stage = createGenerateVirtualEntities({
      pool,
      settings: { read: async () => settings },
      log: createStageLog('virtual-entities-generator', { write: () => {} }),
      heartbeat: () => {},
    });
    const generate = () => stage({ workerId: 'virtual-entities-generator', workflowRunId: 'bench', force: false });
    const [ours, floor]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      await empty(servers);
      ours.push(await timed(async () => console.log((await generate()).message)));
      floor.push(await timed(() => sqlFloor(servers, cities * 2)));
    }
    const unchanged = await timed(generate);
    await forgetADay(servers);
    const day = await timed(async () => console.log((await generate()).message));
    console.log(
      `\nours, ms: ${ours.map(Math.round).join(' ')}\ngenerate_series, ms: ${floor.map(Math.round).join(' ')}`,
    );
    return printLimits([
      { name: '365,000 flights', measured: median(ours) / 1_000, atMost: 2.5, unit: 's' },
      { name: 'against generate_series', measured: median(ours) / median(floor), atMost: 1.5, unit: '×' },
      { name: 'one more day', measured: day, atMost: 1_000, unit: 'ms' },
      { name: 'unchanged', measured: unchanged, atMost: 50, unit: 'ms' },
    ]);
  });
}

const syntheticCity = (i: number): object => ({
  name: `Город ${i}`,
  latitude: 56 + (i % 17),
  longitude: 106 + (i % 53),
  timeZone: ['Asia/Yakutsk', 'Asia/Vladivostok', 'Asia/Srednekolymsk'][i % 3],
  population: 1_000,
  source: 'made up for the bench',
});

async function seedHub({ pool }: GraphServers): Promise<void> {
  await pool.query(`INSERT INTO datasets (source, content_sha256, raw_sha256, state, stops, routes, flights)
    VALUES ('bench', repeat('0', 64), repeat('0', 64), 'active', 1, 0, 0)`);
  await pool.query(`INSERT INTO stops VALUES ('hub', 'Автовокзал', 'Город 0', 62, 129, 1)`);
}

async function empty({ pool }: GraphServers): Promise<void> {
  await pool.query('TRUNCATE flights, virtual_routes, virtual_stops, stage_completions');
  await pool.query('CHECKPOINT');
}

/** Measures the least that PostgreSQL needs for such rows: without zones, joins or a look at the rows that are there. */
async function sqlFloor({ pool }: GraphServers, routes: number): Promise<void> {
  await pool.query(`
    DROP TABLE IF EXISTS floor_flights;
    CREATE TABLE floor_flights (LIKE flights INCLUDING ALL);
    INSERT INTO floor_flights (id, route_id, from_stop_id, to_stop_id, departure_at, arrival_at, available_seats, is_virtual)
    SELECT 'vf:' || id || ':' || n, id, from_stop_id, to_stop_id, now() + n * interval '12 hours', now() + n * interval '12 hours', 50, true
    FROM (SELECT id, from_stop_id, to_stop_id FROM virtual_routes ORDER BY id LIMIT ${routes}) r, generate_series(1, 730) n`);
}

async function forgetADay({ pool }: GraphServers): Promise<void> {
  await pool.query(`DELETE FROM flights f USING (SELECT route_id, max(departure_at) AS last FROM flights GROUP BY route_id) m
    WHERE m.route_id = f.route_id AND f.departure_at > m.last - interval '1 day'`);
  await pool.query('TRUNCATE stage_completions');
}
