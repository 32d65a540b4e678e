import type pg from 'pg';
import type { Queryable } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import type { ExportManifest, RangeTotals, VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import type { SyncMode } from '../../../workflows/legacy-sync/messages.ts';
import type { SeenRows } from '../dump/row-intake.ts';

/** Names a range in the ledger. */
export type RangeKey = Pick<VehicleSyncKey, 'runId' | 'vehicleId'> & Pick<ExportManifest, 'toId'>;

/**
 * Begins the transaction of one range. From here on nobody else imports this vehicle: not even an earlier attempt whose server
 * process has not noticed yet that its client is gone.
 */
export async function beginRange(client: pg.PoolClient, vehicleId: string): Promise<void> {
  // One round trip. client_connection_check_interval ends a long statement whose client was destroyed. Without statistics the planner may
  // take the staged rows for a handful and compare each with each: no statement of an import gains from nested loops.
  await client.query(
    `BEGIN;
     SET LOCAL timezone = 'UTC';
     SET LOCAL lock_timeout = '30s';
     SET LOCAL statement_timeout = '30min';
     SET LOCAL idle_in_transaction_session_timeout = '5min';
     SET LOCAL client_connection_check_interval = '2s';
     SET LOCAL client_min_messages = 'warning';
     SET LOCAL enable_nestloop = off;
     SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0;
     SELECT pg_advisory_xact_lock(hashtextextended(${client.escapeLiteral(`fleetgraph import ${vehicleId}`)}, 0))`,
  );
}

/** What the ledger says about a range: its totals when it is in positions already, else null. */
export async function readLedger(database: Queryable, range: RangeKey): Promise<RangeTotals | null> {
  const { rows } = await database.query(
    `SELECT 1 AS ranges, rows::float8, inserted::float8, duplicates::float8, quarantined::float8, bytes::float8
       FROM import_ledger WHERE vehicle_id = $1 AND run_id = $2 AND to_id = $3`,
    [range.vehicleId, range.runId, range.toId],
  );
  return rows[0] ?? null;
}

/**
 * Refuses a range that is not the next one of a vehicle this run holds. The row is not locked: the lease is renewed on it while the
 * import runs. `recordRange` asks again.
 */
export async function assertNextRange(client: pg.PoolClient, key: VehicleSyncKey, watermark: string): Promise<void> {
  const { rows } = await client.query(
    `SELECT state = 'claimed' AND slot = $3 AS held, cursor_id::text AS cursor
       FROM vehicle_syncs WHERE run_id = $1 AND vehicle_id = $2`,
    [key.runId, key.vehicleId, key.slot],
  );
  const sync = rows[0];
  if (sync?.held !== true) throw noClaim(key);
  if (sync.cursor !== watermark)
    throw watermarkMoved(key, `it stands at ${sync.cursor}, the range begins above ${watermark}`);
}

/** Writes the ledger and moves cursor and watermark, each fenced by the value it had when the range was exported. */
export async function recordRange(
  client: pg.PoolClient,
  key: VehicleSyncKey,
  manifest: Omit<ExportManifest, 'file'>,
  { mode, totals, seen }: { mode: SyncMode; totals: RangeTotals; seen: SeenRows & { fromId: bigint } },
): Promise<void> {
  const { rows } = await client.query(
    `WITH ledger AS (
       INSERT INTO import_ledger (vehicle_id, run_id, from_id, watermark, to_id, sha256, rows, inserted, duplicates, quarantined, bytes)
       VALUES ($1, $2, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     ), sync AS (
       UPDATE vehicle_syncs
          SET cursor_id = $6, ranges = ranges + 1, rows = rows + $8, inserted = inserted + $9, duplicates = duplicates + $10,
              quarantined = quarantined + $11, bytes = bytes + $12, work_failures = 0
        WHERE run_id = $2 AND vehicle_id = $1 AND state = 'claimed' AND slot = $3 AND cursor_id = $5
       RETURNING 1
     ), vehicle AS (
       UPDATE vehicles SET watermark = GREATEST(watermark, $6), last_synced_at = now(),
              seen_from_id = CASE WHEN $6 >= watermark THEN $14 ELSE seen_from_id END,
              seen_to_id = CASE WHEN $6 >= watermark THEN $6 ELSE seen_to_id END,
              seen_rows = CASE WHEN $6 >= watermark THEN $15 ELSE seen_rows END,
              seen_id_sum = CASE WHEN $6 >= watermark THEN $16::bigint ELSE seen_id_sum END
        WHERE id = $1 AND ($13 = 'full' OR watermark = $5)
       RETURNING 1
     )
     SELECT EXISTS (SELECT FROM sync) AS sync, EXISTS (SELECT FROM vehicle) AS vehicle`,
    // biome-ignore format: two lines, as in the INSERT
    [
      key.vehicleId, key.runId, key.slot, manifest.fromId, manifest.watermark, manifest.toId, manifest.sha256,
      totals.rows, totals.inserted, totals.duplicates, totals.quarantined, totals.bytes, mode,
      seen.fromId, seen.rows, seen.idSum,
    ],
  );
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
