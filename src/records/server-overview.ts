import type { Queryable } from '../connections/postgres.ts';
import type { LegacyServer } from '../settings/legacy-server.ts';

/** A legacy server with its vehicles and its circuit. */
export interface ServerOverview extends Pick<LegacyServer, 'id' | 'host' | 'port' | 'user' | 'database' | 'timeZone'> {
  vehicles: number;
  circuit: {
    state: 'closed' | 'open' | 'half-open' | 'held';
    /** Consecutive failures, counted while the circuit is closed. */
    failures: number;
    openings: number;
    /** Code of the failure that opened the circuit, or else of the last failure. */
    code: string | null;
  };
}

/** All legacy servers, or the one of this id. */
export async function readServerOverviews(database: Queryable, id: string | null = null): Promise<ServerOverview[]> {
  const { rows } = await database.query<ServerOverview>(
    `SELECT server.id, server.host, server.port, server."user", server.database, server.time_zone AS "timeZone",
            (SELECT count(*)::int FROM vehicles AS vehicle WHERE vehicle.server_id = server.id) AS vehicles,
            jsonb_build_object('state', breaker ->> 'state', 'failures', coalesce(breaker -> 'failures', '0'),
                               'openings', coalesce(breaker -> 'openings', '0'),
                               'code', coalesce(breaker ->> 'code', breaker ->> 'lastCode')) AS circuit
       FROM legacy_servers AS server JOIN legacy_server_state AS known ON known.server_id = server.id
      WHERE $1::text IS NULL OR server.id = $1 ORDER BY server.id`,
    [id],
  );
  return rows;
}
