import type { Queryable } from '../../../connections/postgres.ts';
import type { RealStop } from './virtual-plan.ts';

export interface Network {
  realStops: RealStop[];
  realRoutes: { fromStopId: string; toStopId: string }[];
  /** Generated before. */
  virtualStopIds: string[];
  virtualRoutes: { fromStopId: string; toStopId: string }[];
}

/** Reads what the plan needs of the present network: its stops, how busy they are, and which are connected. Flights are counted in SQL. */
export async function readNetwork(database: Queryable): Promise<Network> {
  const stops = await database.query<RealStop>(
    `SELECT s.id, s.name, s.city_name AS "cityName", s.latitude, s.longitude, coalesce(f.flights, 0)::int AS flights
     FROM stops s LEFT JOIN (
       SELECT stop_id, count(*) AS flights FROM (
         SELECT from_stop_id AS stop_id FROM flights WHERE NOT is_virtual
         UNION ALL SELECT to_stop_id FROM flights WHERE NOT is_virtual) ends GROUP BY stop_id) f ON f.stop_id = s.id`,
  );
  const routes = await database.query<{ fromStopId: string; toStopId: string }>(
    `SELECT DISTINCT from_stop_id AS "fromStopId", to_stop_id AS "toStopId" FROM routes`,
  );
  const virtualStops = await database.query<{ id: string }>('SELECT id FROM virtual_stops ORDER BY id');
  const virtualRoutes = await database.query<{ fromStopId: string; toStopId: string }>(
    `SELECT from_stop_id AS "fromStopId", to_stop_id AS "toStopId" FROM virtual_routes ORDER BY id`,
  );
  return {
    realStops: stops.rows,
    realRoutes: routes.rows,
    virtualStopIds: virtualStops.rows.map(({ id }) => id),
    virtualRoutes: virtualRoutes.rows,
  };
}
