import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { importRange } from '../../../../src/activities/legacy-sync/load/import-range.ts';
import { type ValuePolicy, valuePolicySchema } from '../../../../src/settings/legacy-server.ts';
import { type FreshDatabase, freshDatabase } from '../../../support/stack.ts';
import type { Row } from '../dump/dump-text.ts';
import { claimVehicle, type ImportFixture, rowsOf } from './import-fixture.ts';

let database: FreshDatabase;
let fixture: ImportFixture;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
afterEach(() => fixture.remove());

const failing = (code: string) => expect.objectContaining({ code });
const NOTHING = { positions: 0, ledger: 0, quarantine: 0 };

describe('rows without a fix', () => {
  const night = () => rowsOf(1, 100, (id) => (id > 40 ? { lat: 'NULL' } : id === 7 ? { lat: '91' } : {}));
  const skipping = async (rows: Row[], over: Partial<ValuePolicy> = {}) => {
    const values = valuePolicySchema.parse({ withoutFix: 'skip', ...over });
    fixture = await claimVehicle(database.pool, { server: { values } });
    return fixture.input(rows, { toId: '100' });
  };
  const ledger = async () =>
    (
      await database.pool.query(
        'SELECT rows::int, inserted::int, quarantined::int, without_fix::int FROM import_ledger',
      )
    ).rows;

  test('are skipped where the server says so, however many, and counted; other bad rows go to quarantine', async () => {
    const input = await skipping(night());
    expect(await importRange(database, input)).toMatchObject({
      rows: 100,
      inserted: 39,
      duplicates: 0,
      quarantined: 1,
    });
    expect(await ledger()).toEqual([{ rows: 100, inserted: 39, quarantined: 1, without_fix: 60 }]);
    expect(await fixture.state()).toMatchObject({ positions: 39, quarantine: 1, watermark: '100' });
    const { rows } = await database.pool.query('SELECT without_fix::int, seen_rows::int FROM vehicle_syncs, vehicles');
    expect(rows).toEqual([{ without_fix: 60, seen_rows: 50 }]);
  });

  test('fail the range above the limit that the server has for them', async () => {
    const input = await skipping(night(), { withoutFixMaxPercent: 59 });
    await expect(importRange(database, input)).rejects.toThrow(/60 of 100 rows have no fix/);
    expect(await fixture.state()).toMatchObject({ positions: 0, ledger: 0 });
  });

  test('go to quarantine where the server says nothing', async () => {
    fixture = await claimVehicle(database.pool);
    const bad = rowsOf(1, 30, (id) => (id === 9 ? { lat: 'NULL' } : {}));
    await importRange(database, await fixture.input(bad, { toId: '30' }));
    expect(await ledger()).toEqual([{ rows: 30, inserted: 29, quarantined: 1, without_fix: 0 }]);
  });
});

describe('two rows of a vehicle with one id', () => {
  const notUnique = failing('IdNotUnique');
  const twice = (over: Row) => [...rowsOf(1, 9), ...rowsOf(9, 9, () => over), ...rowsOf(10, 20)];

  test.each<[string, Row]>([
    ['place', { lat: '50' }],
    ['text', { a: "'another'" }],
    ['time', { t: "'2025-06-01 14:00:00'" }],
  ])('and another %s are refused, and neither is dropped', async (_, over) => {
    fixture = await claimVehicle(database.pool);
    const refused = importRange(database, await fixture.input(twice(over), { toId: '20' }));
    await expect(refused).rejects.toEqual(notUnique);
    await expect(refused).rejects.toThrow(/id 9 .*"time"/);
    expect(await fixture.state()).toMatchObject(NOTHING);
  });

  test('are refused in the overlap too, wherever they stand', async () => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input(rowsOf(1, 20), { toId: '20' }));
    const rows = [...rowsOf(1, 30), ...rowsOf(9, 9, () => ({ t: "'2025-06-01 14:00:00'" }))];
    const again = await fixture.input(rows, { watermark: '20', toId: '30' });
    await expect(importRange(database, again)).rejects.toEqual(notUnique);
    expect(await fixture.state()).toMatchObject({ positions: 20, watermark: '20' });
  });

  test('are one where all of them is equal', async () => {
    fixture = await claimVehicle(database.pool);
    const input = await fixture.input(twice({}), { toId: '20' });
    expect(await importRange(database, input)).toMatchObject({ rows: 21, inserted: 20, duplicates: 1 });
  });
});
