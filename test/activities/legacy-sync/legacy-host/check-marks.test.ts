import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { addId } from '../../../../src/activities/legacy-sync/dump/id-sum.ts';
import type { SeenWindow } from '../../../../src/records/synced-vehicles.ts';
import type { Vehicle } from '../../../../src/settings/legacy-server.ts';
import { sharedStack } from '../../../support/stack.ts';
import { fillGps, type LegacyHostFixture, legacyHostFixture, vehicle } from './legacy-host-fixture.ts';

sharedStack();
let fixture: LegacyHostFixture;
beforeAll(async () => {
  fixture = await legacyHostFixture();
});
afterAll(() => fixture.close());

interface Asked {
  of: Vehicle;
  from?: string;
  seen?: SeenWindow;
}

const plan = (asked: Asked[]) =>
  fixture.hosts.of(fixture.server).plan({
    vehicles: asked.map(({ of, from = '0', seen = null }) => ({ vehicle: of, fromId: from, seen })),
    countCap: 1_000_000,
    signal: new AbortController().signal,
  });

/** As an import leaves it that saw these ids. */
const windowOf = (fromId: string, toId: string, ids: number[]): SeenWindow => ({
  fromId,
  toId,
  rows: ids.length,
  idSum: ids.reduce(addId, 0),
});

describe('rows that were imported and have other times at the source now', () => {
  /** Row n of three vehicles in turn, as fillGps has made them: ten a vehicle, the last two marked as they were imported, `later` seconds off. */
  const marked = (v: number, laterBy: [number, number], table = 'refilled'): Asked => {
    // 2025-01-01 in Belgrade is an hour ahead of UTC.
    const at = (id: number) => Date.UTC(2025, 0, 1) / 1000 - 3_600 + id;
    const [last, before] = [27 + v, 24 + v];
    const marks = [
      [String(last), at(last) - laterBy[0]],
      [String(before), at(before) - laterBy[1]],
    ] as const;
    const seen = {
      ...windowOf(
        '0',
        String(last),
        Array.from({ length: 10 }, (_, n) => 3 * n + v),
      ),
      marks,
    };
    return { of: vehicle(v, table), from: String(last), seen };
  };
  const codes = async (asked: Asked[]) =>
    (await plan(asked)).vehicles.map((each) => ('failure' in each ? each.failure.code : 'counted'));
  beforeAll(() => fillGps(fixture.database, 10, 3, 'refilled'));

  test('SourceReset, by what --mode full would do', async () => {
    expect(await codes([marked(1, [7_201, 7_201]), marked(2, [0, 0])])).toEqual(['SourceReset', 'counted']);
    const [first] = (await plan([marked(1, [60, 7_201])])).vehicles;
    expect(first).toMatchObject({
      failure: { message: expect.stringMatching(/id 28 .*2024-12-31T23:00:28Z.*22:59:28Z.*mode full/) },
    });
  });

  test('one of two was changed in place, the zone was corrected, or the rows are gone: nothing began anew', async () => {
    expect(await codes([marked(1, [61, 0]), marked(2, [0, 61]), marked(3, [7_200, 7_200])])).toEqual([
      'counted',
      'counted',
      'counted',
    ]);
    await fixture.database.query('DELETE FROM refilled WHERE id IN (28, 25)');
    expect(await codes([marked(1, [61, 61])])).toEqual(['counted']);
  });

  test('SourceReset too where many vehicles are counted from one list, and where an index leads to ids behind the vehicle alone', async () => {
    await fillGps(fixture.database, 10, 3, 'many');
    await fixture.database.query(
      'CREATE TABLE behind LIKE many; ALTER TABLE behind MODIFY id BIGINT, DROP PRIMARY KEY;',
    );
    await fixture.database.query('INSERT INTO behind SELECT * FROM many;');
    expect(await codes([marked(1, [61, 61], 'behind'), marked(2, [0, 0], 'behind')])).toEqual([
      'SourceReset',
      'counted',
    ]);
    const others = Array.from({ length: 400 }, (_, n): Asked => ({ of: vehicle(n + 10, 'many'), from: '20' }));
    const asked = [marked(1, [61, 61], 'many'), marked(2, [0, 0], 'many'), ...others];
    const byVehicle = new Map((await plan(asked)).vehicles.map((each) => [each.vehicleId, each]));
    expect(byVehicle.get('1')).toMatchObject({ failure: { code: 'SourceReset' } });
    expect(byVehicle.get('2')).toMatchObject({ newRows: 0, rereadRows: 0 });
  });
});

test('rows with ids of 0 and below are counted once, by the first sync, and belong to the window that begins at 0', async () => {
  await fixture.database.query(
    `CREATE TABLE below_zero (id BIGINT PRIMARY KEY, vehicle_id INT, ts DATETIME, lat DOUBLE, lon DOUBLE, KEY (vehicle_id, id));
     INSERT INTO below_zero SELECT CAST(seq AS SIGNED) - 5, 1, NOW(), 1, 2 FROM seq_1_to_10; INSERT INTO below_zero VALUES (-9, 2, NOW(), 1, 2);`,
  );
  const ids = Array.from({ length: 10 }, (_, n) => n - 4);
  const [first, other, again] = [
    { of: vehicle(1, 'below_zero') },
    { of: vehicle(2, 'below_zero') },
    { of: vehicle(1, 'below_zero'), from: '5', seen: windowOf('0', '5', ids) },
  ];
  expect((await plan([first, other])).vehicles).toMatchObject([
    { newRows: 10, maxId: '5' },
    { newRows: 1, maxId: '1' },
  ]);
  expect((await plan([again])).vehicles).toMatchObject([{ newRows: 0, rereadRows: 0 }]);
});

test('a table that has ids of 0 and below alone says SourceReset from its second sync on, and what follows such rows', async () => {
  await fixture.database.query(
    `CREATE TABLE all_below (id BIGINT PRIMARY KEY, vehicle_id INT, ts DATETIME, lat DOUBLE, lon DOUBLE, KEY (vehicle_id, id));
     INSERT INTO all_below VALUES (-3, 1, NOW(), 1, 2), (-2, 1, NOW(), 1, 2);`,
  );
  const of = vehicle(1, 'all_below');
  expect((await plan([{ of }])).vehicles).toMatchObject([{ newRows: 2, maxId: '1' }]);
  await fixture.database.query('INSERT INTO all_below VALUES (-1, 1, NOW(), 1, 2)');
  const [again] = (await plan([{ of, from: '1', seen: windowOf('0', '1', [-3, -2]) }])).vehicles;
  expect(again).toMatchObject({
    failure: { code: 'SourceReset', message: expect.stringMatching(/highest id .* is -1\. .*"time", "columns"/) },
  });
});
