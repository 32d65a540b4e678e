import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { importRange } from '../../../../src/activities/legacy-sync/load/import-range.ts';
import { createRedriveQuarantine } from '../../../../src/activities/legacy-sync/load/redrive-rows.ts';
import { defaultSettings } from '../../../../src/settings/legacy-sync.ts';
import { slotBuffers } from '../../../../src/settings/slot-buffers.ts';
import { type FreshDatabase, freshDatabase } from '../../../support/stack.ts';
import { optionsFor } from '../dump/dump-text.ts';
import { claimVehicle, EXTRA, type ImportFixture, rowsOf } from './import-fixture.ts';

/** Beside two of them a third has no room in the buffers of so small a process. */
const ROW_BYTES = 30_000;
const ROWS = 10;
const SMALL = { ...defaultSettings(), maxMemoryMb: 1 };

let database: FreshDatabase;
let fixture: ImportFixture;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
afterEach(() => fixture.remove());

/** The ids of rows that were put in quarantine and pass now. */
async function quarantined(): Promise<string[]> {
  fixture = await claimVehicle(database.pool);
  const note = `'\\0${'z'.repeat(ROW_BYTES)}'`;
  const input = await fixture.input(
    rowsOf(1, ROWS, () => ({ a: note })),
    { toId: String(ROWS) },
  );
  const { pool } = database;
  await pool.query('UPDATE legacy_servers SET host_key_fingerprints = $1', [input.context.server.hostKeyFingerprints]);
  await pool.query(
    `INSERT INTO legacy_tables (server_id, table_name, columns, engine, read_at) VALUES ('depot', 'fixes', $1, 'InnoDB', now())`,
    [JSON.stringify(optionsFor(EXTRA).tableColumns)],
  );
  const settings = { ...input.settings, quarantineMaxPercent: 100 };
  // By now NULs are taken out, as the server's row says.
  const { values, ...server } = input.context.server;
  const strict = { ...server, values: { ...values, nulInText: 'quarantine' as const } };
  await importRange(database, { ...input, settings, context: { ...input.context, server: strict } });
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM quarantine ORDER BY legacy_id');
  return rows.map(({ id }) => id);
}

test('large rows are tried again in several transactions, each once, and at the pace of the process', async () => {
  const ids = await quarantined();
  expect(ids).toHaveLength(ROWS);
  const { pool } = database;
  const pieces: number[] = [];
  const signal = new AbortController().signal;
  const redrive = createRedriveQuarantine({
    pool,
    settings: () => SMALL,
    pace: async (_, bytes) => void pieces.push(bytes),
    cancellationSignal: () => signal,
  });
  expect(2 * ROW_BYTES).toBeLessThan(slotBuffers(SMALL).redriveBytes);
  expect(3 * ROW_BYTES).toBeGreaterThan(slotBuffers(SMALL).redriveBytes);
  const sum = { taken: ROWS, duplicates: 0, stillQuarantined: 0, left: 0 };
  expect(await redrive({ vehicleId: '7', ids, dryRun: true })).toEqual({ ...sum, imported: ROWS });
  expect(await fixture.state()).toMatchObject({ quarantine: ROWS, positions: 0 });
  expect(await redrive({ vehicleId: '7', ids, dryRun: false })).toEqual({ ...sum, imported: ROWS });
  expect(await fixture.state()).toMatchObject({ quarantine: 0, positions: ROWS });
  expect(pieces).toHaveLength(2 * ROWS);
  for (const bytes of pieces) expect(bytes).toBeGreaterThan(ROW_BYTES);
  const { rows } = await pool.query('SELECT DISTINCT xmin FROM positions');
  expect(rows).toHaveLength(ROWS / 2);
});
