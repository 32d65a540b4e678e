import type { Queryable } from '../connections/postgres.ts';

/** SQL of "this row of positions is not marked as one that the source does not have". */
export const unmarked = (position: string): string =>
  `NOT EXISTS (SELECT FROM extra_positions AS marked WHERE marked.vehicle_id = ${position}.vehicle_id
      AND marked."time" = ${position}."time" AND marked.legacy_id = ${position}.legacy_id)`;

export interface MarkedRows {
  reconciliationId: string;
  vehicleId: string;
  rows: readonly { id: string; time: string }[];
}

/** Marks rows as no longer at the source, as far as they are in positions. */
export async function markExtra(client: Queryable, { reconciliationId, vehicleId, rows }: MarkedRows): Promise<void> {
  if (rows.length === 0) return;
  await client.query(
    `INSERT INTO extra_positions (vehicle_id, "time", legacy_id, reconciliation_id)
     SELECT position.vehicle_id, position."time", position.legacy_id, $1
       FROM unnest($3::bigint[], $4::timestamptz[]) AS row (legacy_id, "time")
       JOIN positions AS position ON position.vehicle_id = $2 AND position."time" = row."time" AND position.legacy_id = row.legacy_id
     ON CONFLICT DO NOTHING`,
    [reconciliationId, vehicleId, rows.map(({ id }) => id), rows.map(({ time }) => time)],
  );
}

export async function countMarked(
  database: Queryable,
  vehicleIds: readonly string[] | null,
): Promise<{ vehicleId: string; rows: number }[]> {
  const { rows } = await database.query<{ vehicleId: string; rows: number }>(
    `SELECT vehicle_id::text AS "vehicleId", count(*)::float8 AS rows FROM extra_positions
      WHERE $1::bigint[] IS NULL OR vehicle_id = ANY($1) GROUP BY vehicle_id ORDER BY vehicle_id`,
    [vehicleIds],
  );
  return rows;
}

/** Removes the marked rows of a vehicle; returns how many. The caller holds the vehicle. */
export async function removeMarked(client: Queryable, vehicleId: string): Promise<number> {
  const { rows } = await client.query<{ removed: number }>(
    `WITH marked AS (DELETE FROM extra_positions WHERE vehicle_id = $1 RETURNING "time", legacy_id),
          removed AS (DELETE FROM positions AS position USING marked
                       WHERE position.vehicle_id = $1 AND position."time" = marked."time" AND position.legacy_id = marked.legacy_id RETURNING 1)
     SELECT count(*)::float8 AS removed FROM removed`,
    [vehicleId],
  );
  return rows[0]?.removed ?? 0;
}
