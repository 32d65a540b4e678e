import type pg from 'pg';
import type { Breaker } from './breaker.ts';

export interface ServerState {
  serverId: string;
  breaker: Breaker;
  /** By PostgreSQL's clock when the lock was had, in milliseconds: the transaction may have begun a long wait before. */
  lockedAt: number;
}

/**
 * Takes the lock under which a legacy server's permits, places and breaker change, of all these servers in id order (two transactions
 * that need the same two servers must not wait for each other), until the transaction ends.
 */
export async function lockServers(
  client: pg.ClientBase,
  serverIds: readonly string[],
): Promise<Map<string, ServerState>> {
  if (serverIds.length === 0) return new Map();
  const { rows } = await client.query<ServerState>(
    // The clock is read outside of the locking SELECT, which would read it before it waits.
    `WITH locked AS MATERIALIZED (
       SELECT server_id, breaker FROM legacy_server_state WHERE server_id = ANY($1) ORDER BY server_id FOR UPDATE)
     SELECT server_id AS "serverId", breaker, (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "lockedAt" FROM locked`,
    [serverIds],
  );
  return new Map(rows.map((row) => [row.serverId, row]));
}

/** Only under lockServers. */
export async function writeBreaker(client: pg.ClientBase, serverId: string, breaker: Breaker): Promise<void> {
  await client.query(
    'UPDATE legacy_server_state SET breaker = $2, updated_at = clock_timestamp() WHERE server_id = $1',
    [serverId, breaker],
  );
}
