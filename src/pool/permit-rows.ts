import type pg from 'pg';
import type { Queryable } from '../connections/postgres.ts';
import { lockServers } from './server-state.ts';

export type PermitKind = 'connection' | 'transfer' | 'reconcile';

export interface PermitRow {
  serverId: string;
  kind: PermitKind;
  holder: string;
}

/** Payloads: "freed <kind> <server>" when a place was given back, "wanted <kind> <server>" when a request found none. */
export const PERMITS_CHANNEL = 'fleetgraph_permits';

/**
 * Takes a place if one is free; runs in the caller's transaction. Asking again for the same holder is the same place. `mayEvict`: a
 * place whose lease ran out counts as free.
 */
export async function tryTakePermit(
  client: pg.ClientBase,
  { serverId, kind, holder }: PermitRow,
  { limit, leaseMs, mayEvict }: { limit: number; leaseMs: number; mayEvict: boolean },
): Promise<boolean> {
  await lockServers(client, [serverId]);
  const take = async (): Promise<boolean> => {
    const { rowCount } = await client.query(
      `INSERT INTO server_permits (server_id, kind, holder, lease_until)
       SELECT $1, $2, $3, clock_timestamp() + $5 * interval '1 millisecond'
       WHERE (SELECT count(*) FROM server_permits WHERE server_id = $1 AND kind = $2 AND holder <> $3) < $4
       ON CONFLICT (server_id, kind, holder) DO UPDATE SET lease_until = EXCLUDED.lease_until`,
      [serverId, kind, holder, limit, leaseMs],
    );
    return rowCount === 1;
  };
  if (await take()) return true;
  if (mayEvict && (await evict(client, serverId, kind)) && (await take())) return true;
  await client.query('SELECT pg_notify($1, $2)', [PERMITS_CHANNEL, `wanted ${kind} ${serverId}`]);
  return false;
}

/** Removes permits whose lease has ended. A locked row is being renewed, and waiting for it here could be a deadlock. */
async function evict(client: pg.ClientBase, serverId: string, kind: PermitKind): Promise<boolean> {
  const { rowCount } = await client.query(
    `DELETE FROM server_permits WHERE (server_id, kind, holder) IN (
       SELECT server_id, kind, holder FROM server_permits
       WHERE server_id = $1 AND kind = $2 AND lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED)`,
    [serverId, kind],
  );
  return (rowCount ?? 0) > 0;
}

/** Renews the leases of these holders; returns those that still have a permit. */
export async function renewPermits(
  database: Queryable,
  holders: readonly string[],
  leaseMs: number,
): Promise<Set<string>> {
  const { rows } = await database.query<{ holder: string }>(
    `UPDATE server_permits SET lease_until = clock_timestamp() + $2 * interval '1 millisecond'
     WHERE holder = ANY($1) RETURNING holder`,
    [holders, leaseMs],
  );
  return new Set(rows.map(({ holder }) => holder));
}

export async function deletePermit(database: Queryable, { serverId, kind, holder }: PermitRow): Promise<void> {
  await database.query(
    `WITH freed AS (DELETE FROM server_permits WHERE server_id = $1 AND kind = $2 AND holder = $3 RETURNING 1)
     SELECT pg_notify($4, $5) FROM freed`,
    [serverId, kind, holder, PERMITS_CHANNEL, `freed ${kind} ${serverId}`],
  );
}
