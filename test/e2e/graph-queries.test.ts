import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { createGenerateVirtualEntities } from '../../src/activities/transport-graph/virtual-entities/generate-virtual-entities.ts';
import { createStageLog } from '../../src/activities/transport-graph/stage-log.ts';
import type { IssueCode } from '../../src/graph/graph-report.ts';
import { freshDatabase } from '../support/stack.ts';
import { defaultSettings, seedNetwork } from '../support/graph-fixture.ts';

const page = readFileSync(new URL('../../docs/transport-graph.md', import.meta.url), 'utf8');
const [counts = '', orphansOfStops = '', orphans = '', builds = ''] = [...page.matchAll(/```sql\n([^`]*)```/g)].map(
  ([, sql]) => sql!,
);

/** As the specification prints them. */
const SPEC = {
  counts: ['SELECT COUNT(*) FROM stops;', 'SELECT COUNT(*) FROM routes;', 'SELECT COUNT(*) FROM flights;'],
  orphans: `SELECT COUNT(*) FROM flights f
WHERE NOT EXISTS (SELECT 1 FROM stops WHERE id = f.from_stop_id)
   OR NOT EXISTS (SELECT 1 FROM stops WHERE id = f.to_stop_id);`,
  indexes: [
    'CREATE INDEX idx_stops_city ON stops(city_name);',
    'CREATE INDEX idx_routes_from_stop ON routes(from_stop_id);',
    'CREATE INDEX idx_routes_to_stop ON routes(to_stop_id);',
    'CREATE INDEX idx_flights_route ON flights(route_id);',
    'CREATE INDEX idx_flights_stops ON flights(from_stop_id, to_stop_id);',
  ],
};

test('the specified consistency queries run as printed; ours knows virtual stops and is 0 when all is well', async () => {
  const { pool, drop } = await freshDatabase();
  const count = async (sql: string): Promise<number> =>
    Number((await pool.query<{ count: string }>(sql)).rows[0]!.count);
  expect(counts.trim().split('\n')).toEqual(SPEC.counts);
  expect(orphansOfStops.trim()).toBe(SPEC.orphans);
  await seedNetwork(pool, { stops: 10, routes: 20, flightsPerRoute: 3 });
  expect(await Promise.all(SPEC.counts.map(count))).toEqual([10, 20, 60]);
  expect(await count(SPEC.orphans)).toBe(0);
  const settings = defaultSettings();
  const generate = createGenerateVirtualEntities({
    pool,
    settings: { read: async () => settings },
    log: createStageLog('virtual-entities-generator', { write: () => {} }),
    heartbeat: () => {},
  });
  await generate({ workerId: 'virtual-entities-generator', workflowRunId: 'test', force: false });
  expect(await count(SPEC.orphans)).toBe(await count('SELECT COUNT(*) FROM flights WHERE is_virtual'));
  expect(await count(orphans)).toBe(0);
  for (const broken of [
    `UPDATE flights SET from_stop_id = 'nowhere' WHERE id = 'route-1/1'`,
    `UPDATE flights SET to_stop_id = 'nowhere' WHERE id = 'route-2/1'`,
    `UPDATE flights SET route_id = 'nowhere' WHERE id = 'route-3/1'`,
  ]) {
    const before = await count(orphans);
    await pool.query(broken);
    expect(await count(orphans)).toBe(before + 1);
  }
  expect((await pool.query(builds)).rows).toEqual([]);
  await drop();
});

test('the five specified indexes are there as printed', async () => {
  const { pool, drop } = await freshDatabase();
  const { rows } = await pool.query<{ definition: string }>(
    `SELECT indexdef AS definition FROM pg_indexes WHERE indexname LIKE 'idx\\_%' AND tablename IN ('stops', 'routes', 'flights')`,
  );
  const found = rows.map(({ definition }) => definition.replace(' USING btree ', '').replace('public.', ''));
  expect(found.map((definition) => `${definition};`).toSorted()).toEqual(SPEC.indexes.toSorted());
  await drop();
});

test('every code of the report is explained', () => {
  const codes: Record<IssueCode, true> = {
    'no-nodes': true,
    'no-edges': true,
    'weight-invalid': true,
    'edge-to-unknown-stop': true,
    'duplicate-stop': true,
    'not-connected': true,
    shrunken: true,
    'shrink-approved': true,
    'not-strongly-connected': true,
    'self-loop': true,
    'parallel-edges': true,
    'implausible-speed': true,
    'coordinates-missing': true,
    'orphan-flights': true,
    'short-horizon': true,
    'eviction-allowed': true,
  };
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const explained = rows.flatMap((line) => [...line.split('|')[1]!.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code!));
  expect(explained.toSorted()).toEqual(Object.keys(codes).toSorted());
});
