import type pg from 'pg';
import type { Queryable } from '../../../connections/postgres.ts';
import { copyOut } from './copy-out.ts';
import type { GraphRows, RouteRow, StopRow } from '../../../graph/graph-rows.ts';
import { EDGE_WEIGHT } from './edge-weight.ts';

type StopTuple = [string, string, string | null, number | null, number | null, boolean];

const STOPS = `
  SELECT id, name, city_name, latitude, longitude, false FROM stops
  UNION ALL
  SELECT id, name, city_name, latitude, longitude, true FROM virtual_stops`;

/**
 * One row per route, however many flights it has: the flights stay in PostgreSQL. Rows without an id count the flights whose route does not
 * exist.
 */
const ROUTES = `
  SELECT r.id, r.from_stop_id, r.to_stop_id, coalesce(f.weight, r.${EDGE_WEIGHT.withoutFlights}), r.distance_km, r.transport_type,
         CASE WHEN r.id IS NULL THEN f.flights::int ELSE 0 END
  FROM (SELECT id, from_stop_id, to_stop_id, duration_minutes, distance_km, transport_type FROM routes
        UNION ALL
        SELECT id, from_stop_id, to_stop_id, duration_minutes, distance_km, transport_type FROM virtual_routes) r
  FULL JOIN (SELECT route_id, count(*) AS flights, ${EDGE_WEIGHT.ofFlights} AS weight
             FROM flights GROUP BY route_id) f ON f.route_id = r.id`;

const HORIZON = `SELECT (date_part('epoch', max(departure_at)) - date_part('epoch', now())) / 86400 AS days FROM flights`;

/** Begins the snapshot that all reads of one graph share. It must be the transaction's first statement. */
export async function beginSnapshot(database: Queryable): Promise<void> {
  await database.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  // A hash table of 100,000 routes needs 18 MB; the default of 4 MB would sort on disk.
  await database.query(`SET LOCAL work_mem = '64MB'`);
  await database.query('SET LOCAL jit = off');
}

export async function readGraphRows(client: pg.PoolClient): Promise<GraphRows> {
  const stops = await client.query<StopTuple>({ text: STOPS, rowMode: 'array' });
  const routes: RouteRow[] = [];
  let orphanFlights = 0;
  await copyOut(client, ROUTES, ([id, fromStopId, toStopId, weight, distance, transportType, orphans]) => {
    if (id === null) orphanFlights += Number(orphans);
    else {
      routes.push({
        id: id!,
        fromStopId: fromStopId!,
        toStopId: toStopId!,
        weight: weight === null ? null : Number(weight),
        distance: distance === null ? null : Number(distance),
        transportType: transportType ?? null,
      });
    }
  });
  const horizon = await client.query<{ days: number | null }>(HORIZON);
  return { stops: stops.rows.map(toStop), routes, orphanFlights, horizonDays: horizon.rows[0]!.days };
}

function toStop([id, name, cityName, latitude, longitude, virtual]: StopTuple): StopRow {
  return { id, name, cityName, latitude, longitude, virtual };
}
