import type pg from 'pg';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { VirtualPlan } from './virtual-plan.ts';

/** Adds the stops and routes of the plan that are not there yet. Returns how many were added. */
export async function writeEntities(
  client: pg.PoolClient,
  { stops, routes }: VirtualPlan,
  { transportType, fareRub }: Pick<TransportGraphSettings, 'transportType' | 'fareRub'>,
): Promise<{ stops: number; routes: number }> {
  const addedStops = await client.query(
    `INSERT INTO virtual_stops (id, name, city_name, latitude, longitude, time_zone)
     SELECT id, name, "cityName", latitude, longitude, "timeZone"
     FROM jsonb_to_recordset($1::jsonb) AS r(id text, name text, "cityName" text, latitude float8, longitude float8, "timeZone" text)
     ORDER BY id ON CONFLICT (id) DO NOTHING`,
    [JSON.stringify(stops)],
  );
  const addedRoutes = await client.query(
    `INSERT INTO virtual_routes (id, name, from_stop_id, to_stop_id, transport_type, duration_minutes, distance_km, fare_rub)
     SELECT id, name, "fromStopId", "toStopId", $2, "durationMinutes", "distanceKm", $3
     FROM jsonb_to_recordset($1::jsonb)
       AS r(id text, name text, "fromStopId" text, "toStopId" text, "durationMinutes" int, "distanceKm" float8)
     ORDER BY id ON CONFLICT (id) DO NOTHING`,
    [JSON.stringify(routes), transportType, fareRub],
  );
  return { stops: addedStops.rowCount ?? 0, routes: addedRoutes.rowCount ?? 0 };
}

/**
 * Removes virtual stops that are no longer wanted. Call `removeStranded` afterwards to remove their routes and flights. Returns how many
 * were removed.
 */
export async function removeStops(client: pg.PoolClient, ids: string[]): Promise<number> {
  const { rowCount } = await client.query('DELETE FROM virtual_stops WHERE id = ANY($1)', [ids]);
  return rowCount ?? 0;
}

/** Removes virtual routes to a stop that no longer exists, and their flights: they would make the graph invalid. */
export async function removeStranded(client: pg.PoolClient): Promise<number> {
  const { rows } = await client.query<{ id: string }>(
    `DELETE FROM virtual_routes r WHERE EXISTS (
       SELECT FROM (VALUES (r.from_stop_id), (r.to_stop_id)) ends(id)
       WHERE NOT EXISTS (SELECT FROM stops s WHERE s.id = ends.id)
         AND NOT EXISTS (SELECT FROM virtual_stops s WHERE s.id = ends.id)) RETURNING id`,
  );
  if (rows.length === 0) return 0;
  const flights = await client.query('DELETE FROM flights WHERE is_virtual AND route_id = ANY($1)', [
    rows.map(({ id }) => id),
  ]);
  return rows.length + (flights.rowCount ?? 0);
}
