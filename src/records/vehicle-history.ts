import type { Queryable } from '../connections/postgres.ts';

/** Where a vehicle was. Times are UTC. */
export interface TrackPoint {
  time: Date;
  latitude: number;
  longitude: number;
  speedKmh: number | null;
  headingDeg: number | null;
}

/** The last positions of a vehicle and its parts, the earliest first. */
export async function readTrack(
  database: Queryable,
  vehicleIds: readonly string[],
  limit: number,
): Promise<TrackPoint[]> {
  const { rows } = await database.query<TrackPoint>(
    `SELECT last.* FROM unnest($1::bigint[]) AS id CROSS JOIN LATERAL (
       SELECT time, latitude, longitude, speed_kmh AS "speedKmh", heading_deg AS "headingDeg"
         FROM positions WHERE vehicle_id = id ORDER BY time DESC, legacy_id DESC LIMIT $2) AS last
      ORDER BY time DESC LIMIT $2`,
    [vehicleIds, limit],
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
  vehicleId: string;
  label: string;
  reconciliationId: string;
  comparedAt: Date;
  sourceRows: number;
  targetRows: number;
  /** The latest first. */
  days: DifferingDay[];
}

/** What the last comparison of each vehicle found, with so many of the days that differed. Vehicles that were never compared are left out. */
export async function readLastCompared(
  database: Queryable,
  vehicleIds: readonly string[],
  limit: number,
): Promise<ComparedLast[]> {
  const { rows } = await database.query<Omit<ComparedLast, 'days'>>(
    `SELECT vehicle.id::text AS "vehicleId", vehicle.label, last.* FROM vehicles AS vehicle CROSS JOIN LATERAL (
       SELECT reconciliation_id AS "reconciliationId", compared_at AS "comparedAt", source_rows::float8 AS "sourceRows", target_rows::float8 AS "targetRows"
         FROM reconciled_vehicles WHERE vehicle_id = vehicle.id AND compared_at IS NOT NULL AND failure_code IS NULL
        ORDER BY compared_at DESC LIMIT 1) AS last
      WHERE vehicle.id = ANY($1) ORDER BY vehicle.id`,
    [vehicleIds],
  );
  return Promise.all(rows.map(async (last) => ({ ...last, days: await differingDays(database, last, limit) })));
}

async function differingDays(
  database: Queryable,
  { reconciliationId, vehicleId }: Pick<ComparedLast, 'reconciliationId' | 'vehicleId'>,
  limit: number,
): Promise<DifferingDay[]> {
  const { rows } = await database.query<DifferingDay>(
    `SELECT day::text, cardinality(missing) AS missing, cardinality(changed) AS changed, cardinality(extra) AS extra,
            cardinality(quarantined) AS quarantined, repaired_at AS "repairedAt"
       FROM reconciled_days WHERE reconciliation_id = $1 AND vehicle_id = $2 ORDER BY reconciled_days.day DESC LIMIT $3`,
    [reconciliationId, vehicleId, limit],
  );
  return rows;
}
