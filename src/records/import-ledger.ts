import type pg from 'pg';
import type { Queryable } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import type { ExportManifest, RangeTotals, VehicleSyncKey } from '../workflows/legacy-sync/activities.ts';
import type { SyncMode } from '../workflows/legacy-sync/messages.ts';
import { type RowMark, type SeenRows, marksJson } from './synced-vehicles.ts';

/** Names a range in the ledger. */
export type RangeKey = Pick<VehicleSyncKey, 'runId' | 'vehicleId'> & Pick<ExportManifest, 'toId'>;

/** The totals of a range that the ledger has, else null. */
export async function readLedger(database: Queryable, range: RangeKey): Promise<RangeTotals | null> {
  const { rows } = await database.query(
    `SELECT 1 AS ranges, rows::float8, inserted::float8, duplicates::float8, quarantined::float8, bytes::float8
       FROM import_ledger WHERE vehicle_id = $1 AND run_id = $2 AND to_id = $3 AND slice = 0`,
    [range.vehicleId, range.runId, range.toId],
  );
  return rows[0] ?? null;
}

/**
 * Refuses a range that is not the next one of a vehicle that this run claims. The row is not locked, because the lease is renewed on it
 * while the import runs; `recordRange` checks again.
 */
export async function assertNextRange(client: pg.PoolClient, key: VehicleSyncKey, watermark: string): Promise<void> {
  const { rows } = await client.query(
    `SELECT state = 'claimed' AND slot = $3 AS claimed, cursor_id::text AS cursor
       FROM vehicle_syncs WHERE run_id = $1 AND vehicle_id = $2`,
    [key.runId, key.vehicleId, key.slot],
  );
  const sync = rows[0];
  if (sync?.claimed !== true) throw noClaim(key);
  if (sync.cursor !== watermark)
    throw watermarkMoved(key, `it stands at ${sync.cursor}, the range begins above ${watermark}`);
}

interface ImportedRange {
  manifest: Omit<ExportManifest, 'file'>;
  mode: SyncMode;
  totals: RangeTotals;
  withoutFix: number;
  seen: SeenRows & { fromId: bigint; marks: readonly RowMark[] };
  /** The time of the row with the highest id, in seconds since 1970; null: no row was converted. */
  newestSeconds: number | null;
}

/**
 * Writes the ledger and moves cursor and watermark, each fenced by the value it had when the range was exported. Where a slice of the table
 * ended at the same id for this vehicle, and left it out since, the range takes over that row of the ledger with its counts.
 */
export async function recordRange(
  client: pg.PoolClient,
  key: VehicleSyncKey,
  { manifest, mode, totals, withoutFix, seen, newestSeconds }: ImportedRange,
): Promise<void> {
  const { rows } = await client.query(
    `WITH ledger AS (
       INSERT INTO import_ledger AS known
              (vehicle_id, run_id, from_id, watermark, to_id, sha256, rows, inserted, duplicates, quarantined, bytes, without_fix)
       VALUES ($1, $2, $4, $5, $6, $7, $8, $9, $10, $11, $12, $18)
       ON CONFLICT (vehicle_id, run_id, to_id) DO UPDATE
          SET slice = 0, from_id = EXCLUDED.from_id, watermark = EXCLUDED.watermark, sha256 = EXCLUDED.sha256,
              rows = known.rows + EXCLUDED.rows, inserted = known.inserted + EXCLUDED.inserted,
              duplicates = known.duplicates + EXCLUDED.duplicates, quarantined = known.quarantined + EXCLUDED.quarantined,
              bytes = known.bytes + EXCLUDED.bytes, without_fix = known.without_fix + EXCLUDED.without_fix, committed_at = now()
        WHERE known.slice > 0
       RETURNING 1
     ), sync AS (
       UPDATE vehicle_syncs
          SET cursor_id = $6, ranges = ranges + 1, rows = rows + $8, inserted = inserted + $9, duplicates = duplicates + $10,
              quarantined = quarantined + $11, bytes = bytes + $12, without_fix = without_fix + $18,
              work_failures = 0
        WHERE run_id = $2 AND vehicle_id = $1 AND state = 'claimed' AND slot = $3 AND cursor_id = $5
       RETURNING 1
     ), vehicle AS (
       UPDATE vehicles SET watermark = GREATEST(watermark, $6), last_synced_at = now(),
              seen_from_id = CASE WHEN $6 >= watermark THEN $14 ELSE seen_from_id END,
              seen_to_id = CASE WHEN $6 >= watermark THEN $6 ELSE seen_to_id END,
              seen_rows = CASE WHEN $6 >= watermark THEN $15 ELSE seen_rows END,
              seen_id_sum = CASE WHEN $6 >= watermark THEN $16::bigint ELSE seen_id_sum END,
              seen_marks = CASE WHEN $6 >= watermark THEN coalesce($17, seen_marks) ELSE seen_marks END,
              newest_position_at = CASE WHEN $6 >= watermark THEN coalesce(to_timestamp($19::float8), newest_position_at) ELSE newest_position_at END
        WHERE id = $1 AND ($13 = 'full' OR watermark = $5)
       RETURNING 1
     )
     SELECT EXISTS (SELECT FROM ledger) AS ledger, EXISTS (SELECT FROM sync) AS sync, EXISTS (SELECT FROM vehicle) AS vehicle`,
    // biome-ignore format: two lines, as in the INSERT
    [
      key.vehicleId, key.runId, key.slot, manifest.fromId, manifest.watermark, manifest.toId, manifest.sha256,
      totals.rows, totals.inserted, totals.duplicates, totals.quarantined, totals.bytes, mode,
      seen.fromId, seen.rows, seen.idSum, marksJson(seen.marks), withoutFix, newestSeconds,
    ],
  );
  if (rows[0]?.ledger !== true) throw watermarkMoved(key, 'the range is in the ledger already');
  if (rows[0]?.sync !== true) throw watermarkMoved(key, 'the claim or its cursor changed during the import');
  if (rows[0]?.vehicle !== true) throw watermarkMoved(key, `it is no longer ${manifest.watermark}`);
}

function noClaim({ runId, vehicleId, slot }: VehicleSyncKey): Failure {
  return new Failure(
    'NoClaim',
    `Importing a range of vehicle ${vehicleId}: slot ${slot} of run ${runId} does not hold this vehicle (any more). ` +
      'Nothing was imported; the run that holds it goes on.',
  );
}

function watermarkMoved({ vehicleId }: VehicleSyncKey, found: string): Failure {
  return new Failure(
    'WatermarkMoved',
    `Importing a range of vehicle ${vehicleId}: its watermark moved, ${found}. Nothing was imported; the range is exported again.`,
  );
}

/** Rows that a run has imported per step of time. Steps without an import are left out. */
export async function readThroughput(
  database: Queryable,
  runId: string,
  stepSeconds: number,
): Promise<{ at: Date; rows: number; bytes: number }[]> {
  const { rows } = await database.query<{ at: Date; rows: number; bytes: number }>(
    `SELECT to_timestamp(floor(extract(epoch FROM committed_at) / $2) * $2) AS at, sum(rows)::float8 AS rows, sum(bytes)::float8 AS bytes
       FROM import_ledger WHERE run_id = $1 GROUP BY 1 ORDER BY 1`,
    [runId, stepSeconds],
  );
  return rows;
}
