import type pg from 'pg';
import type { Queryable } from '../connections/postgres.ts';
import type { GraphRecord, GraphState } from './graphs.ts';

/** Marks a graph as about to be switched to. False when the builder has lost it: its lease ran out and a sweep removed it. */
export async function markActivating(
  database: Queryable,
  { id, from, leaseMs }: { id: string; from: GraphState; leaseMs: number },
): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE graphs SET state = 'activating', lease_until = now() + $3 * interval '1 ms' WHERE id = $1 AND state = $2`,
    [id, from, leaseMs],
  );
  return rowCount === 1;
}

/** Undoes a rollback that did not reach its switch: the graph is retired again. */
export async function undoActivating(database: Queryable, id: string): Promise<void> {
  await database.query(`UPDATE graphs SET state = 'retired' WHERE id = $1 AND state = 'activating'`, [id]);
}

/**
 * Locks the updates of rows after a switch until the transaction ends. Of two builders, the last to read the pointer is then also the last
 * to write.
 */
export async function lockSwitch(client: pg.PoolClient): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('fleetgraph graph switch', 0))`);
}

/** Makes the `activating` graph that readers now get active, and retires the one before it. The caller holds the lock of `lockSwitch`. */
export async function activateRow(client: pg.PoolClient, pointer: string | null): Promise<void> {
  const live = await client.query<Pick<GraphRecord, 'id'>>(
    `SELECT id FROM graphs WHERE version = $1 AND state = 'activating' FOR UPDATE`,
    [pointer],
  );
  if (live.rows[0] === undefined) return;
  const retired = await client.query<Pick<GraphRecord, 'version'>>(
    `UPDATE graphs SET state = 'retired', retired_at = now() WHERE state = 'active' RETURNING version`,
  );
  await client.query(
    `UPDATE graphs SET state = 'active', activated_at = now(), retired_at = NULL, lease_until = NULL,
            previous_version = coalesce($2, previous_version) WHERE id = $1`,
    [live.rows[0].id, retired.rows[0]?.version ?? null],
  );
}

/** Retires a graph that was live, and that another builder replaced before its row could become active. The caller holds the lock of `lockSwitch`. */
export async function retireOvertaken(client: pg.PoolClient, id: string): Promise<void> {
  await client.query(
    `UPDATE graphs SET state = 'retired', activated_at = now(), retired_at = now(), lease_until = NULL
      WHERE id = $1 AND state = 'activating'`,
    [id],
  );
}

/** Call it once the graph's keys are gone. */
export async function markDeleted(client: pg.PoolClient, id: string): Promise<void> {
  await client.query(`UPDATE graphs SET state = 'deleted' WHERE id = $1`, [id]);
}
