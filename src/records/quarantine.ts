import type { Queryable } from '../connections/postgres.ts';
import type { VehicleSyncKey } from '../workflows/legacy-sync/activities.ts';

/** A row that cannot be imported, as it goes into quarantine. */
export interface RefusedRow<Reason extends string = string> {
  vehicleId: string;
  /** The legacy id as a decimal string; null when the row shows none. */
  legacyId: string | null;
  reason: Reason;
  column: string | null;
  /** The row as it stood in the dump, brackets included. Of a row above maxRowBytes only the first mebibyte is kept. */
  raw: Buffer;
}

/** A row of `quarantine`, without its bytes. */
export interface QuarantinedRow {
  id: string;
  vehicleId: string;
  label: string;
  runId: string;
  legacyId: string | null;
  reason: string;
  column: string | null;
  bytes: number;
  createdAt: Date;
}

const COLUMNS = `kept.id::text, kept.vehicle_id::text AS "vehicleId", vehicle.label, kept.run_id AS "runId",
  kept.legacy_id::text AS "legacyId", kept.reason, kept.column_name AS "column", length(kept.raw) AS bytes, kept.created_at AS "createdAt"`;
const KEPT = 'FROM quarantine AS kept JOIN vehicles AS vehicle ON vehicle.id = kept.vehicle_id';

export interface QuarantineFilter {
  limit: number;
  /** Only rows below this id: the last of the page before. */
  before?: string | null;
  vehicleId?: string | undefined;
  reason?: string | undefined;
}

/** Lists the latest rows first. */
export async function listQuarantined(
  database: Queryable,
  { limit, before, vehicleId, reason }: QuarantineFilter,
): Promise<QuarantinedRow[]> {
  const { rows } = await database.query<QuarantinedRow>(
    `SELECT ${COLUMNS} ${KEPT} WHERE ($2::bigint IS NULL OR kept.id < $2) AND ($3::bigint IS NULL OR kept.vehicle_id = $3)
        AND ($4::text IS NULL OR kept.reason = $4) ORDER BY kept.id DESC LIMIT $1`,
    [limit, before ?? null, vehicleId ?? null, reason ?? null],
  );
  return rows;
}

/** One row with its bytes, or with the first `mostBytes` of them. */
export async function findQuarantined(
  database: Queryable,
  id: string,
  mostBytes: number | null = null,
): Promise<(QuarantinedRow & { raw: Buffer }) | null> {
  const { rows } = await database.query<QuarantinedRow & { raw: Buffer }>(
    `SELECT ${COLUMNS}, CASE WHEN $2::integer IS NULL THEN kept.raw ELSE substring(kept.raw FROM 1 FOR $2) END AS raw ${KEPT} WHERE kept.id = $1`,
    [id, mostBytes],
  );
  return rows[0] ?? null;
}

export async function countQuarantinedByReason(database: Queryable): Promise<{ reason: string; rows: number }[]> {
  const { rows } = await database.query<{ reason: string; rows: number }>(
    'SELECT reason, count(*)::float8 AS rows FROM quarantine GROUP BY 1',
  );
  return rows;
}

/** Counts the rows of the last day. */
export async function countFreshQuarantine(database: Queryable): Promise<{ rows: number; vehicles: number }> {
  const { rows } = await database.query<{ rows: number; vehicles: number }>(
    `SELECT count(*)::float8 AS rows, count(DISTINCT vehicle_id)::float8 AS vehicles
       FROM quarantine WHERE created_at > now() - interval '1 day'`,
  );
  return rows[0] ?? { rows: 0, vehicles: 0 };
}

/** Counts the rows that came in the last hour. */
export async function countQuarantinedLately(database: Queryable): Promise<number> {
  const { rows } = await database.query<{ rows: number }>(
    `SELECT count(*)::float8 AS rows FROM quarantine WHERE created_at > now() - interval '1 hour'`,
  );
  return rows[0]?.rows ?? 0;
}

/** Rows that are tried again: those of a vehicle, with a reason, kept since and until then; what is left out does not matter. */
export interface WantedQuarantine {
  vehicleId?: string | undefined;
  reason?: string | undefined;
  /** ISO 8601. */
  since?: string | undefined;
  until?: string | undefined;
}

/** The ids of such rows by vehicle. Rows that were too large are left out, because only their beginning was kept. */
export async function wantedQuarantined(
  database: Queryable,
  { vehicleId, reason, since, until }: WantedQuarantine,
): Promise<{ vehicleId: string; label: string; ids: string[] }[]> {
  const { rows } = await database.query<{ vehicleId: string; label: string; ids: string[] }>(
    `SELECT kept.vehicle_id::text AS "vehicleId", vehicle.label, array_agg(kept.id::text ORDER BY kept.id) AS ids ${KEPT}
      WHERE ($1::bigint IS NULL OR kept.vehicle_id = $1) AND ($2::text IS NULL OR kept.reason = $2) AND kept.reason <> 'RowTooLarge'
        AND ($3::timestamptz IS NULL OR kept.created_at >= $3) AND ($4::timestamptz IS NULL OR kept.created_at < $4)
      GROUP BY kept.vehicle_id, vehicle.label ORDER BY kept.vehicle_id`,
    [vehicleId ?? null, reason ?? null, since ?? null, until ?? null],
  );
  return rows;
}

/** Selects rows of a vehicle to try again: all, or those with these ids. */
export interface RetriedRows {
  vehicleId: string;
  ids: readonly string[] | null;
}

/**
 * Locks the first rows of the selection, as many as these bytes have room for and one at least. Rows that were too large are left out, because
 * only their beginning was kept.
 */
export async function lockQuarantined(
  client: Queryable,
  { vehicleId, ids }: RetriedRows,
  most: { rows: number; bytes: number },
): Promise<{ id: string; raw: Buffer }[]> {
  const { rows } = await client.query<{ id: string; raw: Buffer }>(
    `WITH first AS (
       SELECT id, legacy_id, octet_length(raw) AS bytes FROM quarantine
        WHERE vehicle_id = $1 AND ($2::bigint[] IS NULL OR id = ANY($2)) AND reason <> 'RowTooLarge'
        ORDER BY legacy_id NULLS LAST, id LIMIT $3),
     summed AS (SELECT id, bytes, sum(bytes) OVER (ORDER BY legacy_id NULLS LAST, id) AS total FROM first)
     SELECT id::text, raw FROM quarantine WHERE id IN (SELECT id FROM summed WHERE total <= $4 OR total = bytes)
      ORDER BY legacy_id NULLS LAST, id FOR UPDATE`,
    [vehicleId, ids, most.rows, most.bytes],
  );
  return rows;
}

export async function countQuarantined(client: Queryable, { vehicleId, ids }: RetriedRows): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM quarantine WHERE vehicle_id = $1 AND ($2::bigint[] IS NULL OR id = ANY($2))`,
    [vehicleId, ids],
  );
  return rows[0]?.count ?? 0;
}

/** Those of these legacy ids whose rows of the vehicle are in quarantine. */
export async function quarantinedAmong(
  database: Queryable,
  vehicleId: string,
  legacyIds: readonly string[],
): Promise<Set<string>> {
  if (legacyIds.length === 0) return new Set();
  const { rows } = await database.query<{ id: string }>(
    'SELECT DISTINCT legacy_id::text AS id FROM quarantine WHERE vehicle_id = $1 AND legacy_id = ANY($2::numeric[])',
    [vehicleId, legacyIds],
  );
  return new Set(rows.map(({ id }) => id));
}

export async function deleteQuarantined(client: Queryable, ids: readonly string[]): Promise<void> {
  await client.query('DELETE FROM quarantine WHERE id = ANY($1)', [ids]);
}

/** A statement carries about this many bytes of rows. A larger row gets a statement of its own. */
const BATCH_BYTES = 1024 * 1024;

/** Stores rows that cannot be imported. A row that is stored already, and was read again in an overlap, stays as it is. */
export async function keepQuarantined(
  client: Queryable,
  { runId }: Pick<VehicleSyncKey, 'runId'>,
  rows: readonly RefusedRow[],
): Promise<void> {
  for (const batch of batches(rows)) {
    await client.query(
      `INSERT INTO quarantine (vehicle_id, run_id, legacy_id, reason, column_name, raw)
       SELECT vehicle_id, $1, legacy_id, reason, column_name, raw
         FROM unnest($2::bigint[], $3::numeric[], $4::text[], $5::text[], $6::bytea[])
              AS row (vehicle_id, legacy_id, reason, column_name, raw)
       ON CONFLICT (vehicle_id, raw_sha256) DO NOTHING`,
      [
        runId,
        batch.map((row) => row.vehicleId),
        batch.map((row) => row.legacyId),
        batch.map((row) => row.reason),
        batch.map((row) => row.column),
        batch.map((row) => row.raw),
      ],
    );
  }
}

function* batches(rows: readonly RefusedRow[]): Generator<RefusedRow[]> {
  let batch: RefusedRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (batch.length > 0 && bytes + row.raw.length > BATCH_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(row);
    bytes += row.raw.length;
  }
  if (batch.length > 0) yield batch;
}
