import { defaultSettings } from '../../../../src/settings/legacy-sync.ts';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { addId } from '../../../../src/activities/legacy-sync/dump/id-sum.ts';
import { type ImportInput, importRange } from '../../../../src/activities/legacy-sync/load/import-range.ts';
import { dumpText, TRAILER } from '../dump/dump-text.ts';
import { eventually } from '../../../support/eventually.ts';
import { type FreshDatabase, freshDatabase } from '../../../support/stack.ts';
import { claimVehicle, EXTRA, type ImportFixture, rowsOf } from './import-fixture.ts';

let database: FreshDatabase;
let fixture: ImportFixture;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
afterEach(() => fixture.remove());

const failing = (code: string) => expect.objectContaining({ code });
const NOTHING = { positions: 0, ledger: 0, quarantine: 0 };

describe('a range', () => {
  test.each(['none', 'gzip', 'zstd', 'lz4'] as const)(
    'is imported with its ledger row and its watermark (%s)',
    async (compression) => {
      fixture = await claimVehicle(database.pool);
      const seen: number[] = [];
      const input = await fixture.input(rowsOf(1, 500), { toId: '600', compression });
      const totals = await importRange(database, { ...input, onProgress: (rows) => void seen.push(rows) });
      expect(totals).toEqual({
        ranges: 1,
        rows: 500,
        inserted: 500,
        duplicates: 0,
        quarantined: 0,
        bytes: input.manifest.bytes,
      });
      expect(await fixture.state()).toEqual({
        positions: 500,
        ledger: 1,
        quarantine: 0,
        watermark: '600',
        sync: { cursor: '600', ranges: 1, rows: 500, inserted: 500, duplicates: 0, quarantined: 0 },
      });
      expect(seen.at(-1)).toBe(500);
      const { rows } = await database.pool.query('SELECT * FROM positions WHERE legacy_id = 7');
      expect(rows[0]).toMatchObject({
        vehicle_id: '7',
        latitude: 62.0339,
        speed_kmh: null,
        attributes: { a: 'row 7' },
      });
      expect(rows[0].time.toISOString()).toBe('2025-06-01T00:01:10.000Z');
      const { rows: syncs } = await database.pool.query('SELECT work_failures FROM vehicle_syncs');
      expect(syncs).toEqual([{ work_failures: 0 }]);
    },
  );

  test('goes on with each piece when the process may, and leaves nothing where it may not any more', async () => {
    fixture = await claimVehicle(database.pool);
    const input = await fixture.input(rowsOf(1, 500), { toId: '600' });
    const refusing = () => Promise.reject(new Error('over the limits for good'));
    await expect(importRange(database, { ...input, pace: refusing })).rejects.toThrow('over the limits for good');
    expect(await fixture.state()).toMatchObject(NOTHING);
    let asked = 0;
    await importRange(database, { ...input, pace: async () => void asked++ });
    expect(asked).toBeGreaterThan(0);
    expect(await fixture.state()).toMatchObject({ positions: 500 });
  });

  test('is imported once: the ledger answers the second time', async () => {
    fixture = await claimVehicle(database.pool);
    const input = await fixture.input(rowsOf(1, 50));
    const totals = await importRange(database, input);
    const after = await fixture.state();
    expect(await importRange(database, input)).toEqual(totals);
    expect(await fixture.state()).toEqual(after);
  });

  test('two attempts at once import it once', async () => {
    fixture = await claimVehicle(database.pool);
    const input = await fixture.input(rowsOf(1, 2_000), { toId: '2000' });
    const [one, other] = await Promise.all([importRange(database, input), importRange(database, input)]);
    expect(one).toEqual(other);
    expect(await fixture.state()).toMatchObject({ positions: 2_000, ledger: 1, sync: { ranges: 1 } });
  });

  test('without rows moves the watermark all the same', async () => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input([], { toId: '9' }));
    expect(await fixture.state()).toMatchObject({ positions: 0, ledger: 1, watermark: '9' });
  });
});

describe('the overlap', () => {
  test('is counted as duplicates, and what was committed late comes in', async () => {
    fixture = await claimVehicle(database.pool);
    const early = rowsOf(1, 100).filter(({ id }) => id !== '42' && id !== '99');
    await importRange(database, await fixture.input(early, { toId: '100' }));
    const input = await fixture.input(rowsOf(31, 300), { fromId: '31', watermark: '100', toId: '300' });
    expect(await importRange(database, input)).toMatchObject({ rows: 270, inserted: 202, duplicates: 68 });
    expect(await fixture.state()).toMatchObject({ positions: 300, ledger: 2, watermark: '300', sync: { ranges: 2 } });
  });

  test('leaves behind which rows it saw, for the next plan to look again: bad ones too, and no further back than the file', async () => {
    fixture = await claimVehicle(database.pool);
    const seen = async () =>
      (await database.pool.query('SELECT seen_from_id, seen_to_id, seen_rows, seen_id_sum FROM vehicles')).rows[0];
    const sumOf = (rows: { id?: string }[]) => String(rows.reduce((sum, { id }) => addId(sum, Number(id)), 0));
    await importRange(database, await fixture.input(rowsOf(1, 30), { toId: '30' }));
    expect(await seen()).toEqual({
      seen_from_id: '0',
      seen_to_id: '30',
      seen_rows: '30',
      seen_id_sum: sumOf(rowsOf(1, 30)),
    });
    const odd = rowsOf(11, 200).filter(({ id }) => id !== '160');
    odd[odd.length - 1] = { ...odd.at(-1)!, lat: '91' };
    await importRange(database, await fixture.input(odd, { fromId: '11', watermark: '30', toId: '200' }));
    expect(await seen()).toEqual({
      seen_from_id: '150',
      seen_to_id: '200',
      seen_rows: '49',
      seen_id_sum: sumOf(odd.slice(-49)),
    });
  });

  test('leaves behind the two highest rows with their times, by which a source that gave its ids anew is known', async () => {
    fixture = await claimVehicle(database.pool);
    const marks = async () => (await database.pool.query('SELECT seen_marks AS marks FROM vehicles')).rows[0].marks;
    const at = (id: number) => [String(id), Date.UTC(2025, 5, 1) / 1000 + id * 10];
    await importRange(database, await fixture.input(rowsOf(1, 30), { toId: '30' }));
    expect(await marks()).toEqual([at(30), at(29)]);
    const bad = rowsOf(1, 40, (id) => (id === 40 ? { lat: '91' } : {}));
    await importRange(database, await fixture.input(bad, { watermark: '30', toId: '40' }));
    expect(await marks()).toEqual([at(39), at(38)]);
    await importRange(database, await fixture.input([], { fromId: '41', watermark: '40', toId: '50' }));
    expect(await marks()).toEqual([at(39), at(38)]);
  });

  test('has rows with ids of 0 and below, where it begins at the first', async () => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input(rowsOf(-3, 10), { toId: '10' }));
    const again = await fixture.input(rowsOf(-3, 12), { watermark: '10', toId: '12' });
    expect(await importRange(database, again)).toMatchObject({ rows: 16, inserted: 2, duplicates: 14 });
    const { rows } = await database.pool.query('SELECT seen_rows::int AS rows FROM vehicles');
    expect(rows).toEqual([{ rows: 16 }]);
  });

  test('does not double a row whose local time happened twice and was read the other way before', async () => {
    fixture = await claimVehicle(database.pool, { server: { timeZone: 'America/Chicago' } });
    const night = (times: string[], first: number) =>
      times.map((time, index) => ({
        id: String(first + index),
        t: `'2025-11-02 ${time}:00'`,
        lat: `${first + index}`,
      }));
    const times = ['00:50', '01:20', '01:50', '01:10', '01:40', '02:05'];
    await importRange(database, await fixture.input(night(times, 1), { toId: '6' }));
    const before = await database.pool.query('SELECT legacy_id, time FROM positions ORDER BY legacy_id');
    // The overlap begins within the second of the two hours: nothing before it tells so.
    const again = await fixture.input(night(times.slice(3), 4), { fromId: '4', watermark: '6', toId: '8' });
    expect(await importRange(database, again)).toMatchObject({ inserted: 0, duplicates: 3 });
    const after = await database.pool.query('SELECT legacy_id, time FROM positions ORDER BY legacy_id');
    expect(after.rows).toEqual(before.rows);
    expect(before.rows[3].time.toISOString()).toBe('2025-11-02T07:10:00.000Z');
  });

  test('of ids that the source gave to other rows is not taken for the same by a full sync', async () => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input(rowsOf(1, 10), { toId: '10' }));
    await database.pool.query(`UPDATE sync_runs SET mode = 'full'`);
    const others = rowsOf(1, 10, () => ({ lat: '50', t: "'2025-06-01 09:00:00'" }));
    const again = await fixture.input(others, { watermark: '10', toId: '11' });
    expect(await importRange(database, again)).toMatchObject({ inserted: 10, duplicates: 0 });
  });

  test('of rows with known ids and places, at times that no zone explains, is not taken for the same by a full sync', async () => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input(rowsOf(1, 10), { toId: '10' }));
    await database.pool.query(`UPDATE sync_runs SET mode = 'full'`);
    // The bus still stands there; the source gave its ids anew.
    const later = rowsOf(1, 10, (id) => ({ t: `'2025-06-01 14:00:0${id % 10}'` }));
    const again = await fixture.input(later, { watermark: '10', toId: '11' });
    expect(await importRange(database, again)).toMatchObject({ inserted: 10, duplicates: 0 });
  });

  test('full mode reads everything again and doubles nothing', async () => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input(rowsOf(1, 15_000), { toId: '15000' }));
    const { rows } = await database.pool.query('TABLE positions');
    await fixture.remove();
    fixture = await claimVehicle(database.pool, { mode: 'full', watermark: '15000' });
    await database.pool.query(
      'INSERT INTO positions SELECT * FROM json_populate_recordset(NULL::positions, $1) WHERE legacy_id % 3 > 0',
      [JSON.stringify(rows)],
    );
    const input = await fixture.input(rowsOf(1, 15_000), { watermark: '0', toId: '15000' });
    expect(await importRange(database, input)).toMatchObject({ rows: 15_000, inserted: 5_000, duplicates: 10_000 });
    expect(await fixture.state()).toMatchObject({ positions: 15_000, watermark: '15000', sync: { cursor: '15000' } });
  });

  test('a row that should be new and is there already: all are loaded with care', async () => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input(rowsOf(1, 100), { toId: '100' }));
    // Somebody set the watermark back by hand.
    await database.pool.query(`UPDATE vehicles SET watermark = 40; UPDATE vehicle_syncs SET cursor_id = 40`);
    const input = await fixture.input(rowsOf(41, 200), { fromId: '41', watermark: '40', toId: '200' });
    expect(await importRange(database, input)).toMatchObject({ rows: 160, inserted: 100, duplicates: 60 });
    expect(await fixture.state()).toMatchObject({ positions: 200, watermark: '200' });
  });
});

describe('a dump that came into memory, of which planning alone counted the new rows', () => {
  const streamed = async (input: Promise<ImportInput>, newRows: number): Promise<ImportInput> => {
    const { dump, manifest, ...rest } = await input;
    const content = await readFile(dump as string);
    return { ...rest, dump: content, counted: 'new', manifest: { ...manifest, rows: newRows } };
  };
  const mismatch = failing('DumpRowCountMismatch');

  test('is imported where it has as many, whatever it has of the overlap and of bad rows', async () => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input(rowsOf(1, 100), { toId: '100' }));
    const bad = (id: number) => (id === 90 || id === 110 ? { lat: '999' } : {});
    const input = await streamed(
      fixture.input(rowsOf(81, 200, bad), { watermark: '100', fromId: '81', toId: '200' }),
      100,
    );
    expect(await importRange(database, input)).toMatchObject({ rows: 120, inserted: 99, quarantined: 2 });
    expect(await fixture.state()).toMatchObject({ positions: 199, watermark: '200', sync: { ranges: 2 } });
  });

  test('holds bad rows against all of its rows, those of the overlap included', async () => {
    fixture = await claimVehicle(database.pool);
    const bad = (id: number) => (id % 100 === 0 ? { lat: '999' } : {});
    await importRange(database, await fixture.input(rowsOf(1, 6_000, bad), { toId: '6000' }));
    const few = await streamed(fixture.input(rowsOf(1, 6_010, bad), { watermark: '6000', toId: '6010' }), 10);
    expect(await importRange(database, few)).toMatchObject({ rows: 6_010, inserted: 10, quarantined: 60 });
    const worse = await streamed(
      fixture.input(
        rowsOf(6_011, 6_500, () => ({ lat: '999' })),
        { watermark: '6010', fromId: '6011', toId: '6500' },
      ),
      490,
    );
    await expect(importRange(database, worse)).rejects.toThrow(failing('QuarantineThresholdExceeded'));
    expect(await fixture.state()).toMatchObject({ positions: 5_950, quarantine: 160, watermark: '6010' });
  });

  test.each([
    ['a row less', 199],
    ['a row more', 201],
  ])('is refused with %s', async (_what, last) => {
    fixture = await claimVehicle(database.pool);
    const input = await streamed(fixture.input(rowsOf(1, last), { toId: '300' }), 200);
    await expect(importRange(database, input)).rejects.toThrow(mismatch);
    expect(await fixture.state()).toMatchObject({ ...NOTHING, watermark: '0' });
  });

  test('is refused where a new row has no readable id, and where one is there already', async () => {
    fixture = await claimVehicle(database.pool);
    const nameless = await streamed(fixture.input(rowsOf(1, 20, (id) => (id === 7 ? { id: 'NULL' } : {}))), 20);
    await expect(importRange(database, nameless)).rejects.toThrow(mismatch);
    await importRange(database, await fixture.input(rowsOf(1, 30), { toId: '30' }));
    await database.pool.query(`UPDATE vehicle_syncs SET cursor_id = 20`);
    await database.pool.query(`UPDATE vehicles SET watermark = 20`);
    const again = await streamed(fixture.input(rowsOf(21, 40), { watermark: '20', toId: '40' }), 20);
    await expect(importRange(database, again)).rejects.toThrow(mismatch);
    expect(await fixture.state()).toMatchObject({ positions: 30, watermark: '20' });
  });

  test.each(['none', 'gzip', 'zstd', 'lz4'] as const)(
    'is refused when it is cut, wherever (%s)',
    async (compression) => {
      fixture = await claimVehicle(database.pool);
      const whole = await streamed(fixture.input(rowsOf(1, 20), { compression }), 20);
      const content = whole.dump as Buffer;
      for (let length = 0; length < content.length; length += compression === 'gzip' ? 3 : 31) {
        // As for one that came like this: nobody knows another size or sum.
        const dump = content.subarray(0, length);
        const sha256 = createHash('sha256').update(dump).digest('hex');
        const cut = { ...whole, dump, manifest: { ...whole.manifest, bytes: length, sha256 } };
        await expect(importRange(database, cut)).rejects.toThrow(
          expect.objectContaining({ code: expect.stringMatching(/^Dump(Truncated|Corrupt)$/) }),
        );
      }
      expect(await fixture.state()).toMatchObject(NOTHING);
      expect(await importRange(database, whole)).toMatchObject({ inserted: 20 });
    },
  );
});

describe('bad rows', () => {
  const someBad = (id: number) => (id % 100 === 0 ? { lat: '999' } : {});

  test('go to quarantine, whole, and are counted', async () => {
    fixture = await claimVehicle(database.pool);
    const input = await fixture.input(rowsOf(1, 500, someBad), { toId: '500' });
    expect(await importRange(database, input)).toMatchObject({ rows: 500, inserted: 495, quarantined: 5 });
    const { rows } = await database.pool.query('SELECT * FROM quarantine ORDER BY legacy_id');
    expect(rows[0]).toMatchObject({ legacy_id: '100', reason: 'CoordinateOutOfRange', column_name: 'lat' });
    expect(rows[0].raw.toString()).toBe("(100,7,'2025-06-01 00:16:40',999,129.7331,'row 100')");
  });

  test('are in quarantine once, however often an overlap reads them', async () => {
    fixture = await claimVehicle(database.pool);
    await importRange(database, await fixture.input(rowsOf(1, 500, someBad), { toId: '500' }));
    const input = await fixture.input(rowsOf(1, 600, someBad), { watermark: '500', toId: '600' });
    expect(await importRange(database, input)).toMatchObject({ quarantined: 6, duplicates: 495, inserted: 99 });
    expect(await fixture.state()).toMatchObject({ quarantine: 6 });
  });

  test('too many fail the vehicle: nothing is imported and a hundred of them are kept to look at', async () => {
    fixture = await claimVehicle(database.pool);
    const input = await fixture.input(
      rowsOf(1, 500, () => ({ t: 'NULL' })),
      { toId: '500' },
    );
    await expect(importRange(database, input)).rejects.toThrow(failing('QuarantineThresholdExceeded'));
    expect(await fixture.state()).toMatchObject({ ...NOTHING, quarantine: 100, watermark: '0', sync: { ranges: 0 } });
  });

  test('as many as allowed pass', async () => {
    fixture = await claimVehicle(database.pool);
    const input = await fixture.input(
      rowsOf(1, 500, (id) => (id <= 20 ? { lat: '99' } : {})),
      { toId: '500' },
    );
    const settings = {
      ...defaultSettings(),
      quarantineMaxPercent: 4,
      quarantineMinRows: 20,
      overlapIds: 0,
      overlapSeconds: 86_400,
    };
    expect(await importRange(database, { ...input, settings })).toMatchObject({ quarantined: 20, inserted: 480 });
  });

  test('many large ones do not pile up in memory', async () => {
    fixture = await claimVehicle(database.pool);
    const a = `'${'z'.repeat(20_000)}'`;
    const input = await fixture.input(
      rowsOf(1, 600, (id) => ({ a, ...(id % 2 ? { lat: '99' } : {}) })),
      { toId: '600' },
    );
    const settings = {
      ...defaultSettings(),
      quarantineMaxPercent: 100,
      quarantineMinRows: 1,
      overlapIds: 0,
      overlapSeconds: 86_400,
    };
    expect(await importRange(database, { ...input, settings })).toMatchObject({ quarantined: 300, inserted: 300 });
    expect(await fixture.state()).toMatchObject({ quarantine: 300, positions: 300 });
  });
});

describe('refused, with nothing imported', () => {
  async function refused(code: string, prepare: () => Promise<Parameters<typeof importRange>[1]>): Promise<void> {
    const input = await prepare();
    await expect(importRange(database, input)).rejects.toThrow(failing(code));
    expect(await fixture.state()).toMatchObject({ ...NOTHING, watermark: '0', sync: { cursor: '0', ranges: 0 } });
    expect(database.pool.idleCount).toBe(database.pool.totalCount);
  }

  test('a watermark that moved before', async () => {
    fixture = await claimVehicle(database.pool);
    await refused('WatermarkMoved', () => fixture.input(rowsOf(6, 9), { watermark: '5' }));
  });

  test.each([
    ['a claim that was lost meanwhile', `UPDATE vehicle_syncs SET state = 'planned', lease_until = NULL, slot = NULL`],
    ['a cursor that moved meanwhile', 'UPDATE vehicle_syncs SET cursor_id = 5'],
    ['a watermark that moved meanwhile', 'UPDATE vehicles SET watermark = 5'],
  ])('%s', async (_name, change) => {
    fixture = await claimVehicle(database.pool);
    const input = await fixture.input(rowsOf(1, 9));
    const other = await database.pool.connect();
    await other.query(`BEGIN; ${change}`);
    const refusal = importRange(database, input).catch((error: unknown) => error);
    // The import sees what was before, and waits with its last statement for this transaction.
    await eventually(async () => {
      const { rows } = await database.pool.query(
        `SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'`,
      );
      expect(rows).toHaveLength(1);
    });
    await other.query('COMMIT');
    other.release();
    expect(await refusal).toMatchObject({ code: 'WatermarkMoved' });
    expect(await fixture.state()).toMatchObject(NOTHING);
  });

  test('a run that does not know the vehicle', async () => {
    fixture = await claimVehicle(database.pool);
    await refused('NoClaim', async () => {
      const input = await fixture.input(rowsOf(1, 9));
      return { ...input, key: { ...input.key, slot: 2 } };
    });
  });

  test('rows that are not as many as the manifest says', async () => {
    fixture = await claimVehicle(database.pool);
    await refused('DumpRowCountMismatch', () => fixture.input(rowsOf(1, 9), { rows: 10 }));
  });

  test('a dump of another table layout', async () => {
    fixture = await claimVehicle(database.pool);
    await refused('SchemaDrift', async () => {
      const dump = dumpText(rowsOf(1, 9), { extra: EXTRA }).replace('`lat`', '`latitude`');
      return fixture.inputOf(Buffer.from(dump), { rows: 9 });
    });
  });

  test('a dump without its end', async () => {
    fixture = await claimVehicle(database.pool);
    await refused('DumpTruncated', async () => {
      const dump = dumpText(rowsOf(1, 9), { extra: EXTRA }).replace(TRAILER, '');
      return fixture.inputOf(Buffer.from(dump), { rows: 9 });
    });
  });

  test('a file that is not there', async () => {
    fixture = await claimVehicle(database.pool);
    await refused('DumpTruncated', async () => ({
      ...(await fixture.input(rowsOf(1, 9))),
      dump: '/nowhere/at-all',
    }));
  });
});
