import type { Queryable } from '../connections/postgres.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';

/** The pool of SSH connections to one legacy server, over all workers. */
export interface ConnectionPlaces {
  serverId: string;
  inUse: number;
  places: number;
}

/** A place whose lease has ended is nobody's. */
export async function readConnectionPlaces(
  database: Queryable,
  { connectionPoolSize }: Pick<LegacySyncSettings, 'connectionPoolSize'>,
): Promise<ConnectionPlaces[]> {
  const { rows } = await database.query<ConnectionPlaces>(
    `SELECT id AS "serverId", coalesce((limits ->> 'connectionPoolSize')::int, $1) AS places,
            (SELECT count(*)::int FROM server_permits AS permit
              WHERE permit.server_id = server.id AND kind = 'connection' AND lease_until > clock_timestamp()) AS "inUse"
       FROM legacy_servers AS server ORDER BY id`,
    [connectionPoolSize],
  );
  return rows;
}
