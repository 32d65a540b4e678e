import type pg from 'pg';
import type { Circuit } from './circuit.ts';

export interface ServerState {
  serverId: string;
  circuit: Circuit;
  /** When the lock was taken, in milliseconds by PostgreSQL's clock: the transaction may have waited for it. */
  lockedAt: number;
}

/**
 * Locks these legacy servers until the transaction ends; a server's permits, places and circuit change only under its lock. It locks in id
 * order, so that two transactions that need the same two servers never wait for each other.
 */
export async function lockServers(
  client: pg.ClientBase,
  serverIds: readonly string[],
): Promise<Map<string, ServerState>> {
  if (serverIds.length === 0) return new Map();
  const { rows } = await client.query<ServerState>(
    // The clock is read outside of the locking SELECT, which would read it before it waits.
    `WITH locked AS MATERIALIZED (
       SELECT server_id, breaker AS circuit FROM legacy_server_state WHERE server_id = ANY($1) ORDER BY server_id FOR UPDATE)
     SELECT server_id AS "serverId", circuit, (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "lockedAt" FROM locked`,
    [serverIds],
  );
  return new Map(rows.map((row) => [row.serverId, row]));
}

/** The caller has the lock of `lockServers`. */
export async function writeCircuit(client: pg.ClientBase, serverId: string, circuit: Circuit): Promise<void> {
  await client.query(
    'UPDATE legacy_server_state SET breaker = $2, updated_at = clock_timestamp() WHERE server_id = $1',
    [serverId, circuit],
  );
}
