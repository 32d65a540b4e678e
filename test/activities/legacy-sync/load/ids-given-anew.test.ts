import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { importRange } from '../../../../src/activities/legacy-sync/load/import-range.ts';
import type { Row } from '../dump/dump-text.ts';
import { type FreshDatabase, freshDatabase } from '../../../support/stack.ts';
import { claimVehicle, type ImportFixture, rowsOf } from './import-fixture.ts';

let database: FreshDatabase;
let fixture: ImportFixture;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
afterEach(() => fixture.remove());

const even = (rows: Row[]): Row[] => rows.filter(({ id }) => Number(id) % 2 === 0);
const odd = (rows: Row[]): Row[] => rows.filter(({ id }) => Number(id) % 2 === 1);
/** Rows whose times and places are those of another month. */
const others = (from: number, to: number): Row[] =>
  rowsOf(from, to, (id) => ({
    t: `'2025-07-01 ${String(8 + Math.floor(id / 3600)).padStart(2, '0')}:${String(Math.floor(id / 60) % 60).padStart(2, '0')}:${String(id % 60).padStart(2, '0')}'`,
    lat: '50',
  }));
/** As the next delta reads them: an overlap of fifty ids, and what is new. */
const delta = { fromId: '51', watermark: '100', toId: '200' };
const refused = { code: 'SourceReset', message: expect.stringMatching(/filled again past the watermark.*mode full/) };

describe('a table that was filled again past the watermark', () => {
  test.each([
    ['its ids are other rows now', rowsOf(1, 100), others(51, 200), /none .* of the 50 .* 50 of those ids, 100 among/],
    ['none of its ids is there now', even(rowsOf(1, 100)), odd(others(51, 200)), /has 25 rows .* none .* of the 25 /],
    [
      'it stands where it stood, on a grid of half minutes and whole quarters of an hour later',
      rowsOf(1, 100, (id) => ({ lat: String(60 + id / 1000) })),
      rowsOf(51, 200, (id) => ({ t: rowsOf(id + 90, id + 90)[0]!.t!, lat: String(50 + id / 1000) })),
      /50 of those ids/,
    ],
  ])('SourceReset, and nothing of it comes: %s', async (_name, before, now, found) => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input(before, { toId: '100' }));
    const state = await fixture.state();
    const again = importRange(database, await fixture.input(now, delta));
    await expect(again).rejects.toMatchObject(refused);
    await expect(again).rejects.toThrow(found);
    expect(await fixture.state()).toEqual(state);
  });

  test('SourceReset too where the vehicle has no row above its watermark, and its window alone is read again', async () => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input(even(rowsOf(1, 100)), { toId: '100' }));
    await database.pool.query('DELETE FROM import_ledger; UPDATE vehicle_syncs SET cursor_id = 50');
    const input = await fixture.input(odd(others(1, 100)), { watermark: '50', toId: '100' });
    const window = { ...input, context: { ...input.context, sync: { mode: 'full' as const } } };
    await expect(importRange(database, window)).rejects.toMatchObject(refused);
  });

  test('a run in mode full brings what is there, and a delta goes on from there', async () => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input(even(rowsOf(1, 100)), { toId: '100' }));
    await database.pool.query(
      `UPDATE sync_runs SET mode = 'full'; UPDATE vehicle_syncs SET cursor_id = 0; DELETE FROM import_ledger`,
    );
    const first = await fixture.input(odd(others(1, 60)), { watermark: '0', toId: '60' });
    const full = { ...first.context, sync: { mode: 'full' as const } };
    expect(await importRange(database, { ...first, context: full })).toMatchObject({ inserted: 30 });
    const second = await fixture.input(odd(others(61, 200)), { fromId: '61', watermark: '60', toId: '200' });
    expect(await importRange(database, { ...second, context: full })).toMatchObject({ inserted: 70 });
    await database.pool.query(`UPDATE sync_runs SET mode = 'delta'`);
    const next = await fixture.input(odd(others(151, 300)), { fromId: '151', watermark: '200', toId: '300' });
    expect(await importRange(database, next)).toMatchObject({ inserted: 50, duplicates: 25 });
  });

  test('a watermark that was set by hand is an answer, too', async () => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input(even(rowsOf(1, 100)), { toId: '100' }));
    await database.pool.query('UPDATE vehicle_syncs SET cursor_id = 90; UPDATE vehicles SET watermark = 90');
    const input = await fixture.input(odd(others(51, 200)), { ...delta, watermark: '90' });
    expect(await importRange(database, input)).toMatchObject({ inserted: 75 });
  });
});

describe('a healthy table goes on', () => {
  const bad = { lat: '91' };
  beforeEach(async () => {
    fixture = await claimVehicle(database.pool);
  });

  test.each([
    ['many rows were committed late', even(rowsOf(1, 100)), rowsOf(51, 200), { inserted: 125, duplicates: 25 }],
    ['its window was purged', rowsOf(1, 100), rowsOf(101, 200), { inserted: 100, duplicates: 0 }],
    [
      'its window was purged but for one row, and many were committed late',
      even(rowsOf(1, 100)),
      rowsOf(51, 200).filter(({ id }) => Number(id) % 2 === 1 || Number(id) >= 100),
      { inserted: 125, duplicates: 1 },
    ],
    [
      'its window was purged, and two rows were committed late',
      even(rowsOf(1, 100)),
      odd(rowsOf(97, 200)),
      { inserted: 52, duplicates: 0 },
    ],
    [
      'its last row was changed in place, and no other lies in its window',
      rowsOf(1, 1).concat(rowsOf(100, 100)),
      others(100, 200),
      { inserted: 101, duplicates: 0 },
    ],
    [
      'its first two rows were read again before anything else came',
      rowsOf(99, 100),
      rowsOf(91, 200),
      { inserted: 108, duplicates: 2 },
    ],
    [
      'all that its window had was in quarantine, and is mapped rightly now',
      rowsOf(82, 100, () => bad),
      rowsOf(82, 200),
      { inserted: 119, duplicates: 0 },
    ],
    [
      'some rows of its window are bad, and one is known',
      rowsOf(82, 100, (id) => (id < 99 ? bad : {})),
      rowsOf(82, 200, (id) => (id < 95 || id === 100 ? bad : {})),
      { inserted: 104, duplicates: 1 },
    ],
  ])('%s', async (_name, before, now, totals) => {
    await importRange(database, await fixture.input(before, { toId: '100' }));
    expect(await importRange(database, await fixture.input(now, delta))).toMatchObject(totals);
  });
});
