import type { Queryable } from '../../../connections/postgres.ts';
import type { Vehicle } from '../../../settings/legacy-server.ts';
import type { SeenWindow } from './legacy-planner.ts';

/** By vehicle id; a vehicle that was never synced has none. */
export async function readSeenWindows(
  database: Queryable,
  vehicles: Pick<Vehicle, 'id'>[],
): Promise<Map<string, SeenWindow>> {
  const { rows } = await database.query<SeenWindow & { id: string }>(
    `SELECT id, seen_from_id AS "fromId", seen_to_id AS "toId", seen_rows::float8 AS rows, seen_id_sum::float8 AS "idSum"
     FROM vehicles WHERE id = ANY($1) AND seen_to_id = watermark AND seen_from_id < seen_to_id`,
    [vehicles.map(({ id }) => id)],
  );
  return new Map(rows.map(({ id, ...window }) => [id, window]));
}
