import type { Queryable } from '../connections/postgres.ts';

/** Where a vehicle was. Times are UTC. */
export interface TrackPoint {
  time: Date;
  latitude: number;
  longitude: number;
  speedKmh: number | null;
  headingDeg: number | null;
}

/** The last positions of a vehicle up to a time and within a day of it, the earliest first. */
export async function readTrack(
  database: Queryable,
  { vehicleId, until, limit }: { vehicleId: string; until: Date; limit: number },
): Promise<TrackPoint[]> {
  const { rows } = await database.query<TrackPoint>(
    `SELECT time, latitude, longitude, speed_kmh AS "speedKmh", heading_deg AS "headingDeg"
       FROM positions WHERE vehicle_id = $1 AND time > $2::timestamptz - interval '1 day' AND time <= $2
      ORDER BY time DESC, legacy_id DESC LIMIT $3`,
    [vehicleId, until, limit],
  );
  return rows.reverse();
}

/** Numbers of rows of a day on which a vehicle and its source differ. */
export interface DifferingDay {
  /** YYYY-MM-DD; `-infinity` for rows without a time that can be read. */
  day: string;
  missing: number;
  changed: number;
  extra: number;
  quarantined: number;
  repairedAt: Date | null;
}

export interface ComparedLast {
  reconciliationId: string;
  comparedAt: Date;
  sourceRows: number;
  targetRows: number;
  /** The latest first. */
  days: DifferingDay[];
}

/** What the last comparison of a vehicle found, with so many of the days that differed; null: it was never compared. */
export async function readLastCompared(
  database: Queryable,
  vehicleId: string,
  limit: number,
): Promise<ComparedLast | null> {
  const { rows } = await database.query<Omit<ComparedLast, 'days'>>(
    `SELECT reconciliation_id AS "reconciliationId", compared_at AS "comparedAt", source_rows::float8 AS "sourceRows", target_rows::float8 AS "targetRows"
       FROM reconciled_vehicles WHERE vehicle_id = $1 AND compared_at IS NOT NULL AND failure_code IS NULL
      ORDER BY compared_at DESC LIMIT 1`,
    [vehicleId],
  );
  const [last] = rows;
  if (last === undefined) return null;
  const { rows: days } = await database.query<DifferingDay>(
    `SELECT day::text, cardinality(missing) AS missing, cardinality(changed) AS changed, cardinality(extra) AS extra,
            cardinality(quarantined) AS quarantined, repaired_at AS "repairedAt"
       FROM reconciled_days WHERE reconciliation_id = $1 AND vehicle_id = $2 ORDER BY reconciled_days.day DESC LIMIT $3`,
    [last.reconciliationId, vehicleId, limit],
  );
  return { ...last, days };
}
