import type pg from 'pg';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { Queryable } from '../../../connections/postgres.ts';
import type { VirtualRoute } from './virtual-plan.ts';

type FlightSettings = Pick<TransportGraphSettings, 'departures' | 'horizonDays' | 'seats'>;

/**
 * The next departures of each time zone: the number of days times the departures of a day. With 08:00 and 16:00 and 365 days these are the
 * next 730, whatever the time of day. $1: zones, $2: times of day, $3: days.
 */
const DEPARTURES = `
  SELECT zone, at, to_char(at AT TIME ZONE zone, 'YYYYMMDD:HH24MI') AS stamp FROM (
    SELECT zone, at, row_number() OVER (PARTITION BY zone ORDER BY at) AS n
    FROM unnest($1::text[]) zone, generate_series(0, $3::int) day, unnest($2::time[]) clock,
         LATERAL (SELECT ((now() AT TIME ZONE zone)::date + day + clock) AT TIME ZONE zone AS at) departure
    WHERE at > now()) future
  WHERE n <= $3::int * cardinality($2::time[])`;

/** How far the flights of each zone have to reach at this moment. Together with the plan this says whether any flight is missing. */
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
 * An id consists of the route and the local departure, so the same flight is never added twice. $4: seats, $5: the planned routes with
 * their zones.
 */
const insertFlights = (routes: string, lacking: string): string => `
  WITH departures AS MATERIALIZED (${DEPARTURES})
  INSERT INTO flights (id, route_id, from_stop_id, to_stop_id, departure_at, arrival_at, available_seats, is_virtual)
  SELECT 'vf:' || r.id || ':' || d.stamp, r.id, r.from_stop_id, r.to_stop_id,
         d.at, d.at + r.duration_minutes * interval '1 minute', $4, true
  FROM ${routes}
  LEFT JOIN jsonb_to_recordset($5::jsonb) AS planned(id text, "timeZone" text) ON planned.id = r.id
  LEFT JOIN virtual_stops v ON v.id = r.from_stop_id
  JOIN departures d ON d.zone = coalesce(planned."timeZone", v.time_zone, ($1::text[])[1])
  WHERE ${lacking}
  ORDER BY r.id, d.at`;

/**
 * Adds the flights after the last one of each route that has flights. When a route's zone was changed, the same local departure may come
 * twice, hence ON CONFLICT.
 */
const NEWEST_DAYS = `${insertFlights(
  `virtual_routes r JOIN (SELECT route_id, max(departure_at) AS last FROM flights WHERE is_virtual GROUP BY route_id) p ON p.route_id = r.id`,
  'd.at > p.last',
)} ON CONFLICT (id) DO NOTHING`;

/**
 * Adds all flights of each new route. Without ON CONFLICT: a new route has no flights to conflict with, and looking for them would take a
 * fifth of the time of a first year.
 */
const WHOLE_YEAR = insertFlights(
  'virtual_routes r',
  'NOT EXISTS (SELECT FROM flights f WHERE f.route_id = r.id AND f.is_virtual)',
);

/**
 * Adds the flights that the virtual routes lack, entirely in SQL: the newest day for routes with flights, all flights for new routes. The
 * caller holds the lock of the virtual entities. Returns how many were added.
 */
export async function appendFlights(
  client: pg.PoolClient,
  zones: string[],
  routes: VirtualRoute[],
  settings: FlightSettings,
): Promise<number> {
  const planned = JSON.stringify(routes.map(({ id, timeZone }) => ({ id, timeZone })));
  const parameters = [zones, settings.departures.split(','), settings.horizonDays, settings.seats, planned];
  // The sort of 365,000 rows and the hash tables stay in memory.
  await client.query(`SET LOCAL work_mem = '128MB'`);
  const newest = await client.query(NEWEST_DAYS, parameters);
  const whole = await client.query(WHOLE_YEAR, parameters);
  return (newest.rowCount ?? 0) + (whole.rowCount ?? 0);
}

/** Removes virtual flights only. The flights of the last week stay, for people who look back. */
export async function removeDeparted(client: pg.PoolClient): Promise<number> {
  const { rowCount } = await client.query(
    `DELETE FROM flights WHERE is_virtual AND departure_at < now() - interval '7 days'`,
  );
  return rowCount ?? 0;
}
