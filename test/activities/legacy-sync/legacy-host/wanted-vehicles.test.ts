import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import {
  ofWanted,
  orderOf,
  type WantedVehicles,
} from '../../../../src/activities/legacy-sync/legacy-host/wanted-vehicles.ts';
import { fillGps, type LegacyHostFixture, legacyHostFixture, vehicle } from './legacy-host-fixture.ts';

const VEHICLES = 40;
const ROWS = 30;
const shared = { ...vehicle(1, 'shared', null), id: 'slice-1-1' };
let fixture: LegacyHostFixture;

beforeAll(async () => {
  fixture = await legacyHostFixture();
  await fillGps(fixture.database, ROWS, VEHICLES, 'shared');
  // As Traccar has it: MySQL likes it better than (vehicle_id, id), because it is shorter.
  await fixture.database.query('ALTER TABLE shared ADD KEY by_time (vehicle_id, ts); ANALYZE TABLE shared');
});
afterAll(() => fixture.close());

const only = (unwanted: WantedVehicles['unwanted'], legacyVehicleIds: string[]): WantedVehicles => ({
  unwanted,
  legacyVehicleIds,
});

/** Vehicle and id of each row, in the order of the dump of the rows with 400 < id <= 1000. */
async function dumped(wanted: WantedVehicles): Promise<[vehicle: number, id: number][]> {
  const { content } = (await fixture.host.streamDump({
    vehicle: shared,
    tableColumns: [],
    runId: randomUUID(),
    cursor: '400',
    frozenTo: '1000',
    overlapIds: 0,
    newRows: 10,
    only: wanted,
  }))!;
  const rows = gunzipSync(content)
    .toString('utf8')
    .matchAll(/\((\d+),(\d+),'/g);
  return [...rows].map(([, id, of]) => [Number(of), Number(id)]);
}

const idsOf = (of: number): number[] =>
  Array.from({ length: ROWS }, (_, index) => of + index * VEHICLES).filter((id) => id > 400 && id <= 1_000);

test.each(['filtered', 'unread'] as const)('%s: the rows of these vehicles, each one’s by id', async (unwanted) => {
  const rows = await dumped(only(unwanted, ['7', '31', '8']));
  for (const each of [7, 8, 31]) {
    expect(rows.filter(([of]) => of === each).map(([, id]) => id)).toEqual(idsOf(each));
  }
  expect(rows).toHaveLength([7, 8, 31].flatMap(idsOf).length);
});

test('a file’s count is of the same rows', async () => {
  const range = {
    cursor: '400',
    frozenTo: '1000',
    overlapIds: 0,
    rangeRows: null,
    only: only('filtered', ['7', '31']),
  };
  const manifest = await fixture.host.exportToFile({
    vehicle: shared,
    tableColumns: [],
    runId: randomUUID(),
    ...range,
  });
  expect(manifest?.rows).toBe([...idsOf(7), ...idsOf(31)].length);
});

test('of no vehicle there is nothing', async () => {
  expect(await dumped(only('unread', []))).toEqual([]);
});

test('a filter reads the ids that are asked for, and no index by vehicle', async () => {
  const plan = async (wanted: WantedVehicles): Promise<string[]> => {
    const where = `${ofWanted({ ...fixture, vehicle: shared, only: wanted })}id > 400 AND id <= 1000`;
    const sql = `EXPLAIN SELECT * FROM shared WHERE ${where} ORDER BY ${orderOf(fixture.server, wanted)}id;`;
    const [row] = await fixture.host.ask(fixture.database.name, [{ sql, about: {} }]);
    return row!;
  };
  const filtered = await plan(only('filtered', ['7', '8', '31']));
  expect(filtered).toContain('PRIMARY');
  expect(filtered.join(' ')).not.toContain('of_vehicle');
  // Sought by vehicle, nothing is sorted.
  const sought = await plan(only('unread', ['7', '31']));
  expect(sought).toContain('of_vehicle');
  expect(sought.join(' ')).not.toContain('filesort');
});

test('what is no legacy id goes into no statement', () => {
  const wanted = only('filtered', ["7') OR ('1"]);
  expect(() => ofWanted({ ...fixture, vehicle: shared, only: wanted })).toThrow('Not a legacy vehicle id');
});
