import type { Queryable } from '../../../connections/postgres.ts';
import type { RealStop } from './virtual-plan.ts';

export interface Network {
  realStops: RealStop[];
  realRoutes: { fromStopId: string; toStopId: string }[];
  virtualEnds: Map<string, number>;
}

/** What the plan needs of the present network: stops, which of them are busy, and who is joined to whom. Flights are counted in SQL. */
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
  const ends = await database.query<{ stop_id: string; routes: number }>(
    `SELECT from_stop_id AS stop_id, count(*)::int AS routes FROM virtual_routes GROUP BY 1`,
  );
  return {
    realStops: stops.rows,
    realRoutes: routes.rows,
    virtualEnds: new Map(ends.rows.map((row) => [row.stop_id, row.routes])),
  };
}
