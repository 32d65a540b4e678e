import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compress } from '../../../support/compress.ts';
import type pg from 'pg';
import type { ImportInput } from '../../../../src/activities/legacy-sync/load/import-range.ts';
import { defaultSettings } from '../../../../src/settings/legacy-sync.ts';
import { legacyServerSchema, type LegacyServer } from '../../../../src/settings/legacy-server.ts';
import type { ExportManifest } from '../../../../src/workflows/legacy-sync/activities.ts';
import type { SyncMode } from '../../../../src/workflows/legacy-sync/messages.ts';
import { dumpText, optionsFor, type Row } from '../dump/dump-text.ts';

export const EXTRA: [string, string][] = [['a', 'varchar']];

/** One claimed vehicle of one run, and the files a test lets it import. */
export interface ImportFixture {
  runId: string;
  /** Rows with the ids given, in a file; what `over` says of the manifest is put over it. */
  input(rows: readonly Row[], over?: Partial<ExportManifest>, more?: Partial<ImportInput>): Promise<ImportInput>;
  /** The same for the bytes of any dump. */
  inputOf(dump: Buffer, manifest: Partial<ExportManifest>, more?: Partial<ImportInput>): Promise<ImportInput>;
  state(): Promise<ImportState>;
  remove(): Promise<void>;
}

export interface ImportState {
  positions: number;
  ledger: number;
  quarantine: number;
  watermark: string;
  sync: { cursor: string; ranges: number; rows: number; inserted: number; duplicates: number; quarantined: number };
}

const SLOT = 1;
const VEHICLE = '7';

export async function claimVehicle(
  pool: pg.Pool,
  { watermark = '0', mode = 'delta' as SyncMode, server = {} as Partial<LegacyServer> } = {},
): Promise<ImportFixture> {
  const runId = randomUUID();
  const folder = await mkdtemp(join(tmpdir(), 'fleetgraph-import-'));
  const definition = serverDefinition(server);
  await pool.query('TRUNCATE legacy_servers, vehicles, sync_runs, positions CASCADE');
  await pool.query(
    `INSERT INTO legacy_servers (id, host, "user", private_key_ref, host_key_fingerprints, mysql_user, database, time_zone, columns)
     VALUES ('depot', '127.0.0.1', 'sync', 'env:KEY', '{x}', 'reader', 'gps', $1, $2)`,
    [definition.timeZone, definition.columns],
  );
  await pool.query(
    `INSERT INTO vehicles (id, label, server_id, legacy_table, legacy_vehicle_id, watermark) VALUES ($1, 'Bus 7', 'depot', 'fixes', '7', $2)`,
    [VEHICLE, watermark],
  );
  await pool.query(
    `INSERT INTO sync_runs (run_id, workflow_id, selection, mode, requested_by) VALUES ($1, 'w', '{}', $2, 'test')`,
    [runId, mode],
  );
  await pool.query(
    `INSERT INTO vehicle_syncs (run_id, vehicle_id, server_id, state, status, cursor_id, frozen_to_id, slot, lease_until, work_failures)
     VALUES ($1, $2, 'depot', 'claimed', 'importing', $3, 1000000, $4, now() + interval '1 hour', 1)`,
    [runId, VEHICLE, mode === 'full' ? '0' : watermark, SLOT],
  );
  let files = 0;

  const inputOf: ImportFixture['inputOf'] = async (dump, manifest, more = {}) => {
    const compression = manifest.compression ?? 'gzip';
    const bytes = await compress(compression, Buffer.from(dump));
    const localFile = join(folder, `${files++}.dump`);
    await writeFile(localFile, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return {
      key: { runId, vehicleId: VEHICLE, slot: SLOT },
      manifest: {
        file: 'remote',
        compression,
        fromId: '1',
        watermark,
        toId: '1000',
        rows: 0,
        last: true,
        bytes: bytes.length,
        sha256,
        ...manifest,
      },
      counted: 'all',
      dump: localFile,
      context: {
        vehicle: {
          id: VEHICLE,
          label: 'Bus 7',
          serverId: 'depot',
          table: 'fixes',
          legacyVehicleId: '7',
          partOf: null,
          priority: 0,
          enabled: true,
          watermark,
        },
        server: definition,
        tableColumns: [...optionsFor(EXTRA).tableColumns],
        sync: { mode },
      },
      settings: {
        ...defaultSettings(),
        quarantineMaxPercent: 1,
        quarantineMinRows: 20,
        overlapIds: 50,
        overlapSeconds: 86_400,
      },
      signal: new AbortController().signal,
      ...more,
    };
  };
  return {
    runId,
    inputOf,
    input: (rows, over = {}, more = {}) =>
      inputOf(Buffer.from(dumpText(rows, { extra: EXTRA })), { rows: rows.length, ...over }, more),
    state: () => stateOf(pool, runId),
    remove: () => rm(folder, { recursive: true }),
  };
}

function serverDefinition(over: Partial<LegacyServer>): LegacyServer {
  return {
    ...legacyServerSchema.parse({
      id: 'depot',
      host: '127.0.0.1',
      user: 'sync',
      privateKeyRef: 'env:KEY',
      mysqlUser: 'reader',
      database: 'gps',
      hostKeyFingerprints: [`SHA256:${'a'.repeat(43)}`],
      timeZone: 'UTC',
      columns: optionsFor(EXTRA).columns,
    }),
    ...over,
  };
}

async function stateOf(pool: pg.Pool, runId: string): Promise<ImportState> {
  const { rows } = await pool.query(
    `SELECT (SELECT count(*)::int FROM positions) AS positions, (SELECT count(*)::int FROM import_ledger) AS ledger,
            (SELECT count(*)::int FROM quarantine) AS quarantine, v.watermark::text AS watermark,
            json_build_object('cursor', s.cursor_id::text, 'ranges', s.ranges, 'rows', s.rows, 'inserted', s.inserted,
                              'duplicates', s.duplicates, 'quarantined', s.quarantined) AS sync
       FROM vehicle_syncs s JOIN vehicles v ON v.id = s.vehicle_id WHERE s.run_id = $1`,
    [runId],
  );
  return rows[0];
}

/** Rows `from` to `to`, ten seconds apart. */
export function rowsOf(from: number, to: number, over: (id: number) => Row = () => ({})): Row[] {
  return Array.from({ length: to - from + 1 }, (_, index) => {
    const id = from + index;
    const t = new Date(Date.UTC(2025, 5, 1) + id * 10_000).toISOString();
    return { id: String(id), t: `'${t.slice(0, 10)} ${t.slice(11, 19)}'`, a: `'row ${id}'`, ...over(id) };
  });
}
