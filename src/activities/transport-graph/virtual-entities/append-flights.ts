import type pg from 'pg';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { Queryable } from '../../../connections/postgres.ts';
import type { VirtualRoute } from './virtual-plan.ts';

type FlightSettings = Pick<TransportGraphSettings, 'departures' | 'horizonDays' | 'seats'>;

/**
 * The next departures of each time zone, as many as days times departures a day: with 08:00 and 16:00 and 365 days the next 730, whatever
 * the time of day is. $1: zones, $2: times of day, $3: days.
 */
const DEPARTURES = `
  SELECT zone, at, to_char(at AT TIME ZONE zone, 'YYYYMMDD:HH24MI') AS stamp FROM (
    SELECT zone, at, row_number() OVER (PARTITION BY zone ORDER BY at) AS n
    FROM unnest($1::text[]) zone, generate_series(0, $3::int) day, unnest($2::time[]) clock,
         LATERAL (SELECT ((now() AT TIME ZONE zone)::date + day + clock) AT TIME ZONE zone AS at) departure
    WHERE at > now()) future
  WHERE n <= $3::int * cardinality($2::time[])`;

/** How far the flights of each zone have to reach at this moment: together with the plan it says whether anything is missing. */
export async function lastDepartures(
  database: Queryable,
  zones: string[],
  settings: FlightSettings,
): Promise<string[]> {
  const { rows } = await database.query<{ last: string }>(
    `SELECT zone || ' ' || max(stamp) AS last FROM (${DEPARTURES}) d GROUP BY zone ORDER BY zone`,
    [zones, settings.departures.split(','), settings.horizonDays],
  );
  return rows.map(({ last }) => last);
}

/**
 * Adds the flights that the virtual routes lack, in SQL from end to end: all of a new route, the newest day of the others. Ids say route
 * and local departure, so the same flight is never added twice. Returns how many were added.
 */
export async function appendFlights(
  client: pg.PoolClient,
  zones: string[],
  routes: VirtualRoute[],
  settings: FlightSettings,
): Promise<number> {
  // The sort of 365,000 rows and the hash tables stay in memory.
  await client.query(`SET LOCAL work_mem = '64MB'`);
  const { rowCount } = await client.query(
    `WITH departures AS MATERIALIZED (${DEPARTURES}),
     present AS (SELECT route_id, max(departure_at) AS last FROM flights WHERE is_virtual GROUP BY route_id)
     INSERT INTO flights (id, route_id, from_stop_id, to_stop_id, departure_at, arrival_at, available_seats, is_virtual)
     SELECT 'vf:' || r.id || ':' || d.stamp, r.id, r.from_stop_id, r.to_stop_id,
            d.at, d.at + r.duration_minutes * interval '1 minute', $4, true
     FROM virtual_routes r
     LEFT JOIN jsonb_to_recordset($5::jsonb) AS planned(id text, "timeZone" text) ON planned.id = r.id
     LEFT JOIN virtual_stops v ON v.id = r.from_stop_id
     JOIN departures d ON d.zone = coalesce(planned."timeZone", v.time_zone, ($1::text[])[1])
     LEFT JOIN present p ON p.route_id = r.id
     WHERE d.at > coalesce(p.last, '-infinity')
     ORDER BY r.id, d.at
     ON CONFLICT (id) DO NOTHING`,
    [
      zones,
      settings.departures.split(','),
      settings.horizonDays,
      settings.seats,
      JSON.stringify(routes.map(({ id, timeZone }) => ({ id, timeZone }))),
    ],
  );
  return rowCount ?? 0;
}

/** Of virtual flights only; a week is left for those who look back. */
export async function removeDeparted(client: pg.PoolClient): Promise<number> {
  const { rowCount } = await client.query(
    `DELETE FROM flights WHERE is_virtual AND departure_at < now() - interval '7 days'`,
  );
  return rowCount ?? 0;
}
