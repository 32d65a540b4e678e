import type pg from 'pg';
import type { Queryable } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import type { RangeTotals, VehicleSyncKey } from '../workflows/legacy-sync/activities.ts';
import { type RowMark, type SeenRows, marksJson } from './synced-vehicles.ts';
import { lockRead, OF_READ } from './table-reads.ts';

/** A vehicle of a read, as a slice's import finds it. */
export interface SliceVehicle {
  vehicleId: string;
  label: string;
  /** null where the table is the vehicle's own. */
  legacyVehicleId: string | null;
  /** Rows with fromId <= id <= toId are wanted; those up to the watermark are the overlap, those above seenFromId are what was `seen`. */
  fromId: bigint;
  watermark: bigint;
  toId: bigint;
  seenFromId: bigint;
}

/** What a slice brought of one vehicle. */
export interface SliceVehicleCounts {
  vehicleId: string;
  fromId: bigint;
  toId: bigint;
  watermark: bigint;
  rows: number;
  newRows: number;
  inserted: number;
  duplicates: number;
  quarantined: number;
  withoutFix: number;
  seen: SeenRows;
  marks: readonly RowMark[];
}

/** The totals of a slice that is in PostgreSQL, else null. */
export async function readSliceLedger(
  database: Queryable,
  { runId, vehicleId: sliceId }: Pick<VehicleSyncKey, 'runId' | 'vehicleId'>,
): Promise<RangeTotals | null> {
  const { rows } = await database.query<RangeTotals>(
    `SELECT 1 AS ranges, (rows - skipped)::float8 AS rows, inserted::float8, duplicates::float8, quarantined::float8, bytes::float8
       FROM table_slices WHERE run_id = $1 AND slice_id = $2 AND imported_at IS NOT NULL`,
    [runId, sliceId],
  );
  return rows[0] ?? null;
}

/** The vehicles whose rows a slice brings: those that the run claims and that were not left out. */
export async function readSliceVehicles(database: Queryable, readId: string): Promise<SliceVehicle[]> {
  const { rows } = await database.query<Record<keyof SliceVehicle, string>>(
    `SELECT sync.vehicle_id::text AS "vehicleId", vehicle.label, vehicle.legacy_vehicle_id AS "legacyVehicleId",
            greatest(1, sync.cursor_id + 1 - read.overlap_ids)::text AS "fromId", sync.cursor_id::text AS watermark,
            sync.frozen_to_id::text AS "toId", greatest(0, sync.frozen_to_id - read.overlap_ids)::text AS "seenFromId"
       FROM vehicle_syncs AS sync JOIN vehicles AS vehicle ON vehicle.id = sync.vehicle_id JOIN table_reads AS read ON read.id = sync.read_id
      WHERE ${OF_READ} AND sync.state = 'claimed' AND sync.left_out IS NULL ORDER BY sync.vehicle_id`,
    [readId],
  );
  return rows.map(({ fromId, watermark, toId, seenFromId, ...row }) => ({
    ...row,
    fromId: BigInt(fromId),
    watermark: BigInt(watermark),
    toId: BigInt(toId),
    seenFromId: BigInt(seenFromId),
  }));
}

export interface SliceRecord {
  key: VehicleSyncKey;
  readId: string;
  number: number;
  sha256: string;
  skipped: number;
  withoutFix: number;
  totals: RangeTotals;
  vehicles: readonly SliceVehicleCounts[];
}

/**
 * Writes the ledger of a slice and moves the watermarks of its read's vehicles over all that has arrived without a gap. Slices of one read
 * do this one after the other. A vehicle whose watermark is not where the read left it, or of which fewer rows came than planning counted,
 * is left out and not moved. @throws Failure NoClaim when the slot does not claim the slice (any more), or it is imported already
 */
export async function recordSlice(client: pg.PoolClient, record: SliceRecord): Promise<void> {
  await lockRead(client, record.readId);
  await closeSlice(client, record);
  await addVehicles(client, record);
  await moveVehicles(client, record.readId);
}

async function closeSlice(
  client: pg.PoolClient,
  { key, sha256, skipped, withoutFix, totals }: SliceRecord,
): Promise<void> {
  const { rows, inserted, duplicates, quarantined, bytes } = totals;
  const { rowCount } = await client.query(
    `UPDATE table_slices SET imported_at = clock_timestamp(), sha256 = $4, rows = $5, skipped = $6, inserted = $7, duplicates = $8,
            quarantined = $9, bytes = $10, without_fix = $11, work_failures = 0
      WHERE run_id = $1 AND slice_id = $2 AND slot = $3 AND state = 'claimed' AND imported_at IS NULL`,
    // biome-ignore format: as in the statement
    [key.runId, key.vehicleId, key.slot, sha256, rows + skipped, skipped, inserted, duplicates, quarantined, bytes, withoutFix],
  );
  if (rowCount === 1) return;
  throw new Failure(
    'NoClaim',
    `Importing ${key.vehicleId}: slot ${key.slot} of run ${key.runId} does not claim it (any more). Nothing was imported.`,
  );
}

/** One statement for all vehicles: their rows in the ledger, and their own counts. */
async function addVehicles(client: pg.PoolClient, record: SliceRecord): Promise<void> {
  const { key, readId, number, sha256, totals, vehicles } = record;
  if (vehicles.length === 0) return;
  const share = (rows: number): number => Math.round((totals.bytes * rows) / Math.max(1, totals.rows + record.skipped));
  const of = (pick: (vehicle: SliceVehicleCounts) => unknown): unknown[] => vehicles.map(pick);
  await client.query(
    `WITH brought AS (
       SELECT * FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
                            $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $17::jsonb[], $18::bigint[])
              AS of (vehicle_id, from_id, watermark, to_id, rows, new_rows, inserted, duplicates, quarantined, bytes, seen_rows, seen_id_sum, marks, without_fix)),
     ledger AS (
       INSERT INTO import_ledger (vehicle_id, run_id, slice, from_id, watermark, to_id, sha256, rows, inserted, duplicates, quarantined, bytes,
                                  without_fix)
       SELECT vehicle_id, $1, $3, from_id, watermark, to_id, $16, rows, inserted, duplicates, quarantined, bytes, without_fix FROM brought)
     UPDATE vehicle_syncs AS sync
        SET ranges = ranges + 1, rows = sync.rows + brought.rows, inserted = sync.inserted + brought.inserted,
            duplicates = sync.duplicates + brought.duplicates, quarantined = sync.quarantined + brought.quarantined,
            without_fix = sync.without_fix + brought.without_fix, bytes = sync.bytes + brought.bytes, read_slice = $3, read_rows = read_rows + brought.new_rows,
            read_seen_rows = read_seen_rows + brought.seen_rows,
            read_seen_id_sum = (read_seen_id_sum + brought.seen_id_sum) % (2::bigint ^ 52)::bigint,
            read_marks = CASE WHEN (read_marks #>> '{0,0}')::bigint > (marks #>> '{0,0}')::bigint THEN read_marks ELSE coalesce(marks, read_marks) END
       FROM brought WHERE sync.run_id = $1 AND sync.vehicle_id = brought.vehicle_id AND sync.read_id = $2`,
    [
      key.runId,
      readId,
      number,
      of(({ vehicleId }) => vehicleId),
      of(({ fromId }) => String(fromId)),
      of(({ watermark }) => String(watermark)),
      of(({ toId }) => String(toId)),
      of(({ rows }) => rows),
      of(({ newRows }) => newRows),
      of(({ inserted }) => inserted),
      of(({ duplicates }) => duplicates),
      of(({ quarantined }) => quarantined),
      of(({ rows }) => share(rows)),
      of(({ seen }) => seen.rows),
      of(({ seen }) => seen.idSum),
      sha256,
      of(({ marks }) => marksJson(marks)),
      of(({ withoutFix }) => withoutFix),
    ],
  );
}

/** What has arrived without a gap: up to the lowest slice that is not in PostgreSQL. */
const FRONTIER = `coalesce((SELECT min(from_id) FROM table_slices WHERE read_id = $1 AND imported_at IS NULL),
                           (SELECT max(to_id) FROM table_slices WHERE read_id = $1))`;
const BEHIND = `${OF_READ} AND sync.state = 'claimed' AND sync.left_out IS NULL AND least(sync.frozen_to_id, ${FRONTIER}) > sync.cursor_id`;

async function moveVehicles(client: pg.PoolClient, readId: string): Promise<void> {
  await client.query(
    `WITH target AS (
       SELECT sync.run_id, sync.vehicle_id, sync.cursor_id, least(sync.frozen_to_id, ${FRONTIER}) AS to_id, sync.frozen_to_id,
              greatest(0, sync.frozen_to_id - read.overlap_ids) AS seen_from_id, sync.read_seen_rows, sync.read_seen_id_sum, sync.read_marks
         FROM vehicle_syncs AS sync JOIN table_reads AS read ON read.id = sync.read_id
        WHERE ${BEHIND} AND (least(sync.frozen_to_id, ${FRONTIER}) < sync.frozen_to_id OR sync.rows_capped OR sync.read_rows >= sync.planned_rows)),
     moved AS (
       UPDATE vehicles AS vehicle
          SET watermark = target.to_id, last_synced_at = now(),
              seen_from_id = CASE WHEN to_id = frozen_to_id THEN target.seen_from_id ELSE vehicle.seen_from_id END,
              seen_to_id = CASE WHEN to_id = frozen_to_id THEN to_id ELSE vehicle.seen_to_id END,
              seen_rows = CASE WHEN to_id = frozen_to_id THEN read_seen_rows ELSE vehicle.seen_rows END,
              seen_id_sum = CASE WHEN to_id = frozen_to_id THEN read_seen_id_sum ELSE vehicle.seen_id_sum END,
              seen_marks = CASE WHEN to_id = frozen_to_id THEN coalesce(read_marks, vehicle.seen_marks) ELSE vehicle.seen_marks END,
              newest_position_at = coalesce(to_timestamp((read_marks #>> '{0,1}')::float8), vehicle.newest_position_at)
         FROM target WHERE vehicle.id = target.vehicle_id AND vehicle.watermark = target.cursor_id
       RETURNING vehicle.id)
     UPDATE vehicle_syncs AS sync SET cursor_id = target.to_id FROM target JOIN moved ON moved.id = target.vehicle_id
      WHERE sync.run_id = target.run_id AND sync.vehicle_id = target.vehicle_id`,
    [readId],
  );
  await client.query(
    `UPDATE vehicle_syncs AS sync SET left_out = 'read by itself: its watermark moved, or fewer rows of it came than planning counted' WHERE ${BEHIND}`,
    [readId],
  );
}
