import type { Queryable } from '../../../connections/postgres.ts';
import type { GraphRows, RouteRow, StopRow } from '../../../graph/graph-rows.ts';

type StopTuple = [string, string, string | null, number | null, number | null, boolean];
type RouteTuple = [string | null, string, string, number | null, number | null, string | null, number | null];

const STOPS = `
  SELECT id, name, city_name, latitude, longitude, false FROM stops
  UNION ALL
  SELECT id, name, city_name, latitude, longitude, true FROM virtual_stops`;

/**
 * One row per route whatever the number of its flights: those stay in PostgreSQL. Behind them, flights of no route come as a row without an id.
 * date_part and not a subtraction of times: PostgreSQL refuses to subtract an infinite one, and the validation shall name the route.
 */
const ROUTES = `
  SELECT r.id, r.from_stop_id, r.to_stop_id, coalesce(f.shortest / 60, r.duration_minutes::float8), r.distance_km, r.transport_type,
         CASE WHEN r.id IS NULL THEN f.flights::int END
  FROM (SELECT id, from_stop_id, to_stop_id, duration_minutes, distance_km, transport_type FROM routes
        UNION ALL
        SELECT id, from_stop_id, to_stop_id, duration_minutes, distance_km, transport_type FROM virtual_routes) r
  FULL JOIN (SELECT route_id, count(*) AS flights, min(date_part('epoch', arrival_at) - date_part('epoch', departure_at)) AS shortest
             FROM flights GROUP BY route_id) f ON f.route_id = r.id`;

const HORIZON = `SELECT (date_part('epoch', max(departure_at)) - date_part('epoch', now())) / 86400 AS days FROM flights`;

/** Begins the snapshot that all reads of one graph share; must be the transaction's first statement. */
export async function beginSnapshot(database: Queryable): Promise<void> {
  await database.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  // A hash table of 100,000 routes needs 18 MB; the default of 4 MB would sort on disk.
  await database.query(`SET LOCAL work_mem = '64MB'`);
  await database.query('SET LOCAL jit = off');
}

export async function readGraphRows(database: Queryable): Promise<GraphRows> {
  const stops = await database.query<StopTuple>({ text: STOPS, rowMode: 'array' });
  const found = await database.query<RouteTuple>({ text: ROUTES, rowMode: 'array' });
  const horizon = await database.query<{ days: number | null }>(HORIZON);
  const routes: RouteRow[] = [];
  let orphanFlights = 0;
  for (const [id, fromStopId, toStopId, weight, distance, transportType, orphans] of found.rows) {
    if (id === null) orphanFlights += orphans ?? 0;
    else routes.push({ id, fromStopId, toStopId, weight, distance, transportType });
  }
  return { stops: stops.rows.map(toStop), routes, orphanFlights, horizonDays: horizon.rows[0]!.days };
}

function toStop([id, name, cityName, latitude, longitude, virtual]: StopTuple): StopRow {
  return { id, name, cityName, latitude, longitude, virtual };
}
