import { defaultSettings } from '../../../../src/settings/legacy-sync.ts';
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { importSlice, type SliceInput } from '../../../../src/activities/legacy-sync/load/import-slice.ts';
import { importRange } from '../../../../src/activities/legacy-sync/load/import-range.ts';
import { readLegacyServer } from '../../../../src/records/legacy-servers.ts';
import type { ClaimedSlice } from '../../../../src/workflows/legacy-sync/activities.ts';
import {
  addServer,
  fakePlanner,
  fleetDatabase,
  fleetOf,
  readTogether,
  sliceEnded,
  slotOf,
  startRun,
  syncRow,
} from '../../../support/fleet-fixture.ts';
import { dumpText, optionsFor } from '../dump/dump-text.ts';

const pool = fleetDatabase();

/** Vehicles 1 to 3 take turns in a table of 30 ids: 1, 2, 3, 1, 2, 3 … Slices end at 10, 20 and 30. */
const ENDS = [10, 20, 30];
const ALL_IDS = Array.from({ length: 30 }, (_, index) => index + 1);
const vehicleOf = (id: number): string => String(((id - 1) % 3) + 1);

let runId: string;
let slices: ClaimedSlice[];
let slots: ReturnType<typeof slotOf>[];
/** What planning counts of each vehicle; a test may count more than there are. */
let counted: number;
beforeEach(async () => {
  await pool().query('TRUNCATE positions');
  await addServer(pool(), 'depot-1', { count: 3, over: { timeZone: 'UTC' } });
  counted = 10;
});

async function begin(): Promise<void> {
  const planner = fakePlanner((vehicleId) => ({
    vehicleId,
    newRows: counted,
    rereadRows: 0,
    capped: false,
    maxId: String(27 + Number(vehicleId)),
  }));
  const fleet = fleetOf(pool(), { planner });
  runId = await startRun(fleet);
  await readTogether(pool(), runId, { vehicleIds: ['1', '2', '3'], ends: ENDS });
  slots = [1, 2, 3].map((number) => slotOf(fleet, runId, number));
  slices = [];
  for (const slot of slots) slices.push(await slot.claimSlice());
}

const rowsOf = (ids: readonly number[], bad: (id: number) => boolean = () => false) =>
  ids.map((id) => ({
    id: String(id),
    vehicle_id: vehicleOf(id),
    t: `'2025-06-01 12:00:${String(id).padStart(2, '0')}'`,
    ...(bad(id) ? { lat: '99' } : {}),
  }));

/** The import of slice `number` with these rows; by default with those that the table has there. */
async function inputOf(number: number, rows = rowsOf(ALL_IDS), over: Partial<SliceInput> = {}): Promise<SliceInput> {
  const [from, to] = [ENDS[number - 2] ?? 0, ENDS[number - 1]!];
  const inside = rows.filter(({ id }) => Number(id) > from && Number(id) <= to);
  const dump = Buffer.from(dumpText(inside));
  const sha256 = createHash('sha256').update(dump).digest('hex');
  const { sliceId } = slices[number - 1]!;
  return {
    key: { runId, vehicleId: sliceId, slot: number },
    readId: sliceId.split('-')[1]!,
    number,
    table: 'fixes',
    server: await readLegacyServer(pool(), 'depot-1'),
    tableColumns: [...optionsFor().tableColumns],
    manifest: {
      compression: 'none',
      fromId: String(from + 1),
      watermark: String(from),
      toId: String(to),
      rows: inside.length,
      last: true,
      bytes: dump.length,
      sha256,
    },
    fromId: String(from),
    toId: String(to),
    dump,
    settings: { ...defaultSettings(), quarantineMaxPercent: 1, quarantineMinRows: 2 },
    signal: new AbortController().signal,
    ...over,
  };
}

const run = (input: SliceInput) => importSlice({ pool: pool() }, input);
const watermarks = async () =>
  (await pool().query('SELECT watermark::int FROM vehicles ORDER BY id')).rows.map(({ watermark }) => watermark);
const positions = async () =>
  (await pool().query('SELECT legacy_id::int AS id FROM positions ORDER BY 1')).rows.map(({ id }) => id);
const leftOut = async () =>
  (await pool().query(`SELECT vehicle_id::text AS id, left_out AS why FROM vehicle_syncs WHERE left_out IS NOT NULL`))
    .rows;

describe('slices', () => {
  test('end in any order; watermarks move only over what has arrived without a gap', async () => {
    await begin();
    expect(await run(await inputOf(3))).toMatchObject({ rows: 10, inserted: 10, quarantined: 0 });
    expect(await watermarks()).toEqual([0, 0, 0]);
    await run(await inputOf(1));
    expect(await watermarks()).toEqual([10, 10, 10]);
    await run(await inputOf(2));
    expect(await watermarks()).toEqual([28, 29, 30]);
    expect(await positions()).toEqual(ALL_IDS);
    expect(await syncRow(pool(), runId, '2')).toMatchObject({ ranges: 3, rows: '10', inserted: '10', cursor_id: '29' });
  });

  test('leave behind each vehicle’s highest rows with their times, whichever slice had them and came first', async () => {
    await begin();
    for (const number of [3, 1, 2]) await run(await inputOf(number));
    const { rows } = await pool().query('SELECT seen_marks AS marks FROM vehicles ORDER BY id');
    const at = (id: number) => [String(id), Date.UTC(2025, 5, 1, 12, 0, id) / 1000];
    expect(rows.map(({ marks }) => marks)).toEqual([28, 29, 30].map((id) => [at(id), at(id - 3)]));
  });

  test('are imported once: the second time their row answers', async () => {
    await begin();
    const input = await inputOf(1);
    const totals = await run(input);
    expect(await run(input)).toEqual(totals);
    expect(await positions()).toHaveLength(10);
  });

  test('two attempts at once import one once', async () => {
    await begin();
    const input = await inputOf(2);
    const [one, other] = await Promise.all([run(input), run(input)]);
    expect(one).toEqual(other);
    expect(await positions()).toHaveLength(10);
  });

  test('that their slot has lost bring nothing', async () => {
    await begin();
    await pool().query(`UPDATE table_slices SET slot = 9 WHERE number = 1`);
    await expect(run(await inputOf(1))).rejects.toMatchObject({ code: 'NoClaim' });
    expect(await positions()).toEqual([]);
  });

  test('with fewer rows than the manifest counted are refused whole', async () => {
    await begin();
    const input = await inputOf(1);
    const short = { ...input, manifest: { ...input.manifest!, rows: 11 } };
    await expect(run(short)).rejects.toMatchObject({ code: 'DumpRowCountMismatch' });
    expect(await positions()).toEqual([]);
  });

  test('count the rows without a fix that they skip, of each vehicle', async () => {
    await begin();
    const rows = rowsOf(ALL_IDS).map((row) => (['1', '2', '4'].includes(row.id) ? { ...row, lat: 'NULL' } : row));
    const input = await inputOf(1, rows);
    const values = { ...input.server.values, withoutFix: 'skip' as const };
    expect(await run({ ...input, server: { ...input.server, values } })).toMatchObject({
      rows: 10,
      inserted: 7,
      duplicates: 0,
    });
    expect(await syncRow(pool(), runId, '1')).toMatchObject({ rows: '4', inserted: '2', without_fix: '2' });
    const { rows: counted } = await pool().query(
      'SELECT without_fix::int FROM table_slices WHERE number = 1 UNION ALL SELECT sum(without_fix)::int FROM import_ledger',
    );
    expect(counted).toEqual([{ without_fix: 3 }, { without_fix: 3 }]);
    expect(await leftOut()).toEqual([]);
  });

  test('that have rows which are there already bring the others', async () => {
    await begin();
    await pool().query(
      `INSERT INTO positions (vehicle_id, time, legacy_id, latitude, longitude, flags)
       VALUES (2, '2025-06-01 12:00:02Z', 2, 62.0339, 129.7331, 0)`,
    );
    expect(await run(await inputOf(1))).toMatchObject({ rows: 10, inserted: 9, duplicates: 1 });
    expect(await positions()).toEqual(ALL_IDS.slice(0, 10));
  });
});

describe('a vehicle', () => {
  test('with too many bad rows is left out, and the others are there', async () => {
    await begin();
    const rows = rowsOf(ALL_IDS, (id) => vehicleOf(id) === '2');
    for (const number of [1, 2, 3]) await run(await inputOf(number, rows));
    expect(await watermarks()).toEqual([28, 0, 30]);
    expect(await leftOut()).toEqual([{ id: '2', why: 'read by itself: too many of its rows are bad' }]);
    expect((await pool().query('SELECT FROM quarantine')).rows).toEqual([]);
  });

  test('two of whose rows have one id is left out, and the others are there', async () => {
    await begin();
    const other = { id: '2', t: "'2025-06-01 15:00:00'", lat: '50' };
    const rows = rowsOf(ALL_IDS).flatMap((row) => (row.id === '2' ? [row, { ...row, ...other }] : [row]));
    await run(await inputOf(1, rows));
    expect(await leftOut()).toEqual([{ id: '2', why: 'read by itself: two of its rows have one id' }]);
    expect(await positions()).not.toContain(2);
  });

  test.each([
    ['are other rows now', [2, 5, 8]],
    ['are not its own now', [1, 4, 7]],
  ])('of whose rows below its watermark none is known, and whose ids %s, is left out', async (_name, ids) => {
    await begin();
    await pool().query(
      `UPDATE table_reads SET overlap_ids = 50; UPDATE vehicle_syncs SET cursor_id = 10;
       UPDATE vehicles SET watermark = 10, seen_from_id = 0, seen_to_id = 10, seen_rows = 3, newest_position_at = '2025-06-01 12:00:02Z'`,
    );
    const known = (vehicle: number, id: number, day: string) =>
      `(${vehicle}, '2025-${day} 12:00:${String(id).padStart(2, '0')}Z', ${id}, 62.0339, 129.7331, 0)`;
    // Of the first vehicle one row is known, and of the third two others had come that were purged.
    const rows = [
      known(1, 1, '06-01'),
      ...ids.map((id) => known(2, id, '05-07')),
      known(3, 4, '06-01'),
      known(3, 7, '06-01'),
    ];
    await pool().query(
      `INSERT INTO positions (vehicle_id, time, legacy_id, latitude, longitude, flags) VALUES ${rows.join(', ')}`,
    );
    expect(await run(await inputOf(1))).toMatchObject({ inserted: 6, duplicates: 1 });
    expect(await leftOut()).toEqual([{ id: '2', why: 'read by itself: other rows have the ids that it had' }]);
  });

  test('whose watermark somebody moved meanwhile is left out, and stays where it was put', async () => {
    await begin();
    await pool().query('UPDATE vehicles SET watermark = 7 WHERE id = 3');
    await run(await inputOf(1));
    expect(await watermarks()).toEqual([10, 10, 7]);
    expect(await leftOut()).toMatchObject([{ id: '3' }]);
  });

  test('of which fewer rows came than planning counted does not reach its end', async () => {
    counted = 11;
    await begin();
    for (const number of [1, 2, 3]) await run(await inputOf(number));
    expect(await watermarks()).toEqual([20, 20, 20]);
    expect(await leftOut()).toHaveLength(3);
  });

  test('that was left out ends a range of its own where a slice ended: the ledger has the counts of both', async () => {
    counted = 11;
    await begin();
    for (const number of [1, 2, 3]) await run(await inputOf(number));
    const back = await slots[0]!.ask(sliceEnded(slices[0]!));
    expect(back).toMatchObject({ kind: 'retire' });
    await slots[1]!.ask(sliceEnded(slices[1]!));
    const { vehicleId: id } = await slots[2]!.claim(sliceEnded(slices[2]!));
    const own = rowsOf(ALL_IDS.filter((row) => row > 20 && vehicleOf(row) === id));
    const dump = Buffer.from(dumpText(own));
    const { server, manifest, signal } = await inputOf(3);
    const sha256 = createHash('sha256').update(dump).digest('hex');
    const toId = String(27 + Number(id));
    await importRange(
      { pool: pool() },
      {
        key: { runId, vehicleId: id, slot: 3 },
        manifest: {
          ...manifest!,
          fromId: '21',
          watermark: '20',
          toId,
          rows: own.length,
          bytes: dump.length,
          sha256,
        },
        counted: 'all',
        dump,
        context: {
          vehicle: {
            id,
            label: `bus ${id}`,
            serverId: 'depot-1',
            table: 'fixes',
            legacyVehicleId: id,
            partOf: null,
            priority: 0,
            enabled: true,
            watermark: '20',
          },
          server,
          tableColumns: [...optionsFor().tableColumns],
          sync: { mode: 'delta' },
        },
        settings: {
          ...defaultSettings(),
          quarantineMaxPercent: 1,
          quarantineMinRows: 2,
          overlapIds: 0,
          overlapSeconds: 86_400,
        },
        signal,
      },
    );
    const { rows } = await pool().query(
      `SELECT slice, rows::int, inserted::int, duplicates::int FROM import_ledger WHERE vehicle_id = $1 AND to_id = $2`,
      [id, toId],
    );
    expect(rows).toEqual([{ slice: 0, rows: 2 * own.length, inserted: own.length, duplicates: own.length }]);
    expect((await watermarks())[Number(id) - 1]).toBe(Number(toId));
  });
});
