import type { Queryable } from '../connections/postgres.ts';

/** One change of how many may be in flight at a legacy server. */
export interface LimitChangeRow {
  serverId: string;
  runId: string;
  from: number;
  to: number;
  reason: string;
  changedAt: Date;
}

/** Kept for each server; older ones go with the next change. */
const KEPT = 1_000;

export async function recordLimitChange(
  client: Queryable,
  { serverId, runId, from, to, reason }: Omit<LimitChangeRow, 'changedAt'>,
): Promise<void> {
  await client.query(
    'INSERT INTO limit_changes (server_id, run_id, from_limit, to_limit, reason) VALUES ($1, $2, $3, $4, $5)',
    [serverId, runId, from, to, reason],
  );
  await client.query(
    `DELETE FROM limit_changes WHERE server_id = $1
        AND id <= (SELECT id FROM limit_changes WHERE server_id = $1 ORDER BY id DESC OFFSET ${KEPT} LIMIT 1)`,
    [serverId],
  );
}

/** The newest first; `serverId` null: of all servers. */
export async function readLimitChanges(
  database: Queryable,
  { serverId, limit }: { serverId: string | null; limit: number },
): Promise<LimitChangeRow[]> {
  const { rows } = await database.query<LimitChangeRow>(
    `SELECT server_id AS "serverId", run_id AS "runId", from_limit AS "from", to_limit AS "to", reason, changed_at AS "changedAt"
       FROM limit_changes WHERE $1::text IS NULL OR server_id = $1 ORDER BY id DESC LIMIT $2`,
    [serverId, limit],
  );
  return rows;
}

/** Why the limit of server `id`, an SQL expression, is what it is; NULL before its first change. */
export const lastLimitReason = (id: string): string =>
  `(SELECT reason FROM limit_changes WHERE server_id = ${id} ORDER BY limit_changes.id DESC LIMIT 1)`;

/** Changes of the last day, by server and direction. */
export async function countLimitChanges(
  database: Queryable,
): Promise<{ serverId: string; direction: 'up' | 'down'; changes: number }[]> {
  const { rows } = await database.query<{ serverId: string; direction: 'up' | 'down'; changes: number }>(
    `SELECT server_id AS "serverId", CASE WHEN to_limit > from_limit THEN 'up' ELSE 'down' END AS direction, count(*)::int AS changes
       FROM limit_changes WHERE changed_at > now() - interval '1 day' GROUP BY 1, 2 ORDER BY 1, 2`,
  );
  return rows;
}
