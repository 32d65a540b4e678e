import type { Queryable } from '../../../connections/postgres.ts';
import type { Vehicle } from '../../../settings/legacy-server.ts';
import { dateOf } from './target-sql.ts';
import type { DaySpan } from './source-statements.ts';

/** Which ids of a vehicle are compared. */
export interface Bounds {
  above: string;
  upTo: string;
  /** Rows of positions. */
  rows: number;
  /** The highest id in positions; 0: it has none. */
  highest: string;
}

/**
 * Ids up to the watermark are compared, or up to the highest that arrived where the watermark stands below. No index leads a legacy server to a
 * day: for a span it is asked for the ids above the last one that arrived before the span's first.
 */
export async function comparedBounds(
  database: Queryable,
  { vehicles, timeZone, days }: { vehicles: readonly Vehicle[]; timeZone: string; days: DaySpan | null },
): Promise<Map<string, Bounds>> {
  const { rows } = await database.query<Omit<Bounds, 'upTo'> & { id: string }>(
    `SELECT asked.id::text, coalesce(arrived.rows, 0)::float8 AS rows, coalesce(arrived.highest, 0)::text AS highest,
            coalesce(CASE WHEN $3::date IS NULL THEN 0 WHEN arrived.first IS NULL THEN arrived.before ELSE
              (SELECT max(legacy_id) FROM positions WHERE vehicle_id = asked.id AND legacy_id < arrived.first) END, 0)::text AS above
       FROM unnest($2::bigint[]) AS asked (id)
       LEFT JOIN (SELECT vehicle_id, count(*) AS rows, max(legacy_id) AS highest,
                         min(legacy_id) FILTER (WHERE "time" >= $3::timestamp AT TIME ZONE $1 AND "time" < $4::timestamp AT TIME ZONE $1 + interval '1 day') AS first,
                         max(legacy_id) FILTER (WHERE "time" < $3::timestamp AT TIME ZONE $1) AS before
                    FROM positions WHERE vehicle_id = ANY($2) GROUP BY 1) AS arrived ON arrived.vehicle_id = asked.id`,
    [
      timeZone,
      vehicles.map(({ id }) => id),
      days === null ? null : dateOf(days.from),
      days === null ? null : dateOf(days.to),
    ],
  );
  const watermarks = new Map(vehicles.map(({ id, watermark }) => [id, watermark]));
  return new Map(
    rows.map(({ id, ...found }) => {
      const watermark = watermarks.get(id)!;
      const upTo = BigInt(watermark) > BigInt(found.highest) ? watermark : found.highest;
      return [id, { ...found, upTo }];
    }),
  );
}
