import type { Queryable } from '../connections/postgres.ts';
import { FAILURES } from '../errors.ts';

/**
 * After these failures nothing changes without a person, and a login that is refused again and again may be locked. So the next check comes after
 * this many intervals, or when the server's row was changed.
 */
const REFUSED = Object.entries(FAILURES).flatMap(([code, { infrastructure, retry }]) =>
  infrastructure && !retry ? [code] : [],
);
const INTERVALS_WHEN_REFUSED = 12;

export const isRefused = (code: string): boolean => REFUSED.includes(code);

/** Servers that were neither checked nor changed for so long, without those whose circuit is held until a person says otherwise. */
export async function serversToCheck(database: Queryable, intervalMs: number): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT server.id FROM legacy_servers AS server
       JOIN legacy_server_state AS known ON known.server_id = server.id
       LEFT JOIN LATERAL (SELECT checked_at, failure_code FROM server_checks WHERE server_id = server.id ORDER BY id DESC LIMIT 1) AS last ON true
      WHERE breaker ->> 'state' <> 'held'
        AND server.updated_at < clock_timestamp() - $1 * interval '1 ms'
        AND (last.checked_at IS NULL OR last.checked_at < clock_timestamp() - $1 * interval '1 ms' *
               CASE WHEN last.failure_code = ANY($2) AND last.checked_at > server.updated_at THEN ${INTERVALS_WHEN_REFUSED} ELSE 1 END)
      ORDER BY server.id`,
    [intervalMs, REFUSED],
  );
  return rows.map(({ id }) => id);
}
