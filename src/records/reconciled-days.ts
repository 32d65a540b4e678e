import type { Queryable } from '../connections/postgres.ts';
import type { PositionKey, ReconciledDay } from './reconciled-vehicles.ts';

/** Days that a repair has something to do on; rows that are in quarantine are tried again by hand. */
const TO_REPAIR =
  'repaired_at IS NULL AND cardinality(day.missing) + cardinality(day.changed) + cardinality(day.extra) > 0';

export async function serversToRepair(database: Queryable, reconciliationId: string): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT DISTINCT server_id AS id FROM reconciled_days AS day JOIN reconciled_vehicles USING (reconciliation_id, vehicle_id)
      WHERE reconciliation_id = $1 AND ${TO_REPAIR} ORDER BY 1`,
    [reconciliationId],
  );
  return rows.map(({ id }) => id);
}

/** A day of a vehicle, by its names. */
export interface DayKey {
  reconciliationId: string;
  vehicleId: string;
  day: string;
}

/** The first days of a server's vehicles that nobody has repaired. */
export async function daysToRepair(
  database: Queryable,
  { reconciliationId, serverId, limit }: { reconciliationId: string; serverId: string; limit: number },
): Promise<DayKey[]> {
  const { rows } = await database.query<DayKey>(
    `SELECT reconciliation_id AS "reconciliationId", vehicle_id::text AS "vehicleId", day.day::text AS day
       FROM reconciled_days AS day JOIN reconciled_vehicles USING (reconciliation_id, vehicle_id)
      WHERE reconciliation_id = $1 AND server_id = $2 AND ${TO_REPAIR} ORDER BY vehicle_id, day.day LIMIT $3`,
    [reconciliationId, serverId, limit],
  );
  return rows;
}

const IDS = (column: string): string => `${column}::text[] AS ${column}`;
const KEYS = (ids: string, times: string): string =>
  `(SELECT coalesce(json_agg(json_build_object('id', id::text, 'time', to_char("time" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))), '[]')
      FROM unnest(${ids}, ${times}) AS key (id, "time")) AS ${ids}`;
const DAY = `day::text AS day, source_rows::float8 AS "sourceRows", target_rows::float8 AS "targetRows", ${['missing', 'changed', 'quarantined'].map(IDS).join(', ')},
  ${KEYS('extra', 'extra_times')}, ${KEYS('old', 'old_times')}, repaired_at AS "repairedAt"`;

export interface KeptDay extends ReconciledDay {
  repairedAt: Date | null;
}

/** null: the day is in line, or was never compared. */
export async function readDay(database: Queryable, key: DayKey): Promise<KeptDay | null> {
  const { rows } = await database.query<KeptDay>(
    `SELECT ${DAY} FROM reconciled_days WHERE reconciliation_id = $1 AND vehicle_id = $2 AND day = $3`,
    [key.reconciliationId, key.vehicleId, key.day],
  );
  return rows[0] ?? null;
}

export async function listDays(database: Queryable, reconciliationId: string, vehicleId: string): Promise<KeptDay[]> {
  const { rows } = await database.query<KeptDay>(
    `SELECT ${DAY} FROM reconciled_days WHERE reconciliation_id = $1 AND vehicle_id = $2 ORDER BY reconciled_days.day`,
    [reconciliationId, vehicleId],
  );
  return rows;
}

/** Notes that a day was repaired, once: false when it was already. In the transaction that repairs it. */
export async function claimRepair(client: Queryable, key: DayKey): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE reconciled_days SET repaired_at = now() WHERE reconciliation_id = $1 AND vehicle_id = $2 AND day = $3 AND repaired_at IS NULL`,
    [key.reconciliationId, key.vehicleId, key.day],
  );
  return rowCount === 1;
}

/** Puts what is in positions of these keys out of the way of rows that replace them; only where a row of the same id is in `staging`. */
export async function deleteReplaced(
  client: Queryable,
  { vehicleId, old, staging }: { vehicleId: string; old: readonly PositionKey[]; staging: string },
): Promise<void> {
  await client.query(
    `WITH replaced AS (
       SELECT old.legacy_id, old."time" FROM unnest($2::bigint[], $3::timestamptz[]) AS old (legacy_id, "time")
        WHERE EXISTS (SELECT FROM ${staging} AS staged WHERE staged.legacy_id = old.legacy_id)
       UNION SELECT legacy_id, "time" FROM ${staging}),
     unmarked AS (DELETE FROM extra_positions AS marked USING replaced
       WHERE marked.vehicle_id = $1 AND marked."time" = replaced."time" AND marked.legacy_id = replaced.legacy_id)
     DELETE FROM positions AS position USING replaced
      WHERE position.vehicle_id = $1 AND position."time" = replaced."time" AND position.legacy_id = replaced.legacy_id`,
    [vehicleId, old.map(({ id }) => id), old.map(({ time }) => time)],
  );
}
