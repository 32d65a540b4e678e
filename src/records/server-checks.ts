import type { Queryable } from '../connections/postgres.ts';

/** One health check of a legacy server: the way there by SSH, and an answer of its MySQL. */
export interface ServerCheck {
  checkedAt: Date;
  durationMs: number;
  /** null: it answered. */
  failure: { code: string; message: string } | null;
}

/** Kept for each server: some ten days of the default interval. Older ones go with the next check. */
const KEPT = 3_000;

export async function recordServerCheck(
  database: Queryable,
  serverId: string,
  { durationMs, failure }: Omit<ServerCheck, 'checkedAt'>,
): Promise<void> {
  await database.query(
    'INSERT INTO server_checks (server_id, duration_ms, failure_code, failure_message) VALUES ($1, $2, $3, $4)',
    [serverId, Math.round(durationMs), failure?.code ?? null, failure?.message ?? null],
  );
  await database.query(
    `DELETE FROM server_checks WHERE server_id = $1
        AND id <= (SELECT id FROM server_checks WHERE server_id = $1 ORDER BY id DESC OFFSET ${KEPT} LIMIT 1)`,
    [serverId],
  );
}

interface CheckRow extends Omit<ServerCheck, 'failure'> {
  code: string | null;
  message: string;
}

const checkOf = <T extends CheckRow>({ code, message, ...check }: T) => ({
  ...check,
  failure: code === null ? null : { code, message },
});

/** The newest first. */
export async function readServerChecks(
  database: Queryable,
  { serverId, limit }: { serverId: string; limit: number },
): Promise<ServerCheck[]> {
  const { rows } = await database.query<CheckRow>(
    `SELECT checked_at AS "checkedAt", duration_ms AS "durationMs", failure_code AS code, failure_message AS message
       FROM server_checks WHERE server_id = $1 ORDER BY id DESC LIMIT $2`,
    [serverId, limit],
  );
  return rows.map(checkOf);
}

/** A server's last check. */
export interface LastCheck extends ServerCheck {
  /** The first of the failed checks that the last one ends; null: it did not fail. */
  failingSince: Date | null;
}

/**
 * The last check of each server that was checked since its row was changed, or of the one of this id. None while checks are off: what was found
 * before is out of date.
 */
export async function readLastChecks(
  database: Queryable,
  { checkIntervalMs }: { checkIntervalMs: number },
  serverId: string | null = null,
): Promise<Map<string, LastCheck>> {
  if (checkIntervalMs === 0) return new Map();
  const { rows } = await database.query<CheckRow & Pick<LastCheck, 'failingSince'> & { serverId: string }>(
    `SELECT server.id AS "serverId", last.checked_at AS "checkedAt", last.duration_ms AS "durationMs", last.failure_code AS code,
            last.failure_message AS message, failing.since AS "failingSince"
       FROM legacy_servers AS server
       JOIN LATERAL (SELECT * FROM server_checks WHERE server_id = server.id ORDER BY id DESC LIMIT 1) AS last ON last.checked_at > server.updated_at
       LEFT JOIN LATERAL (
         SELECT min(checked_at) AS since FROM server_checks
          WHERE server_id = server.id AND checked_at > server.updated_at AND last.failure_code IS NOT NULL AND id >
                coalesce((SELECT id FROM server_checks WHERE server_id = server.id AND failure_code IS NULL ORDER BY id DESC LIMIT 1), 0)
       ) AS failing ON true
      WHERE $1::text IS NULL OR server.id = $1`,
    [serverId],
  );
  return new Map(rows.map(({ serverId: id, ...check }) => [id, checkOf(check)]));
}
