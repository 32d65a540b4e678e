import type pg from 'pg';
import type { GraphStore } from '../../../connections/graph-store.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { selectGraphs } from './graph-record.ts';

/** Held while rows follow the pointer, so that the last of two builders to look is also the last to write. */
const LOCK = `SELECT pg_advisory_xact_lock(hashtextextended('fleetgraph graph switch', 0))`;

/**
 * Lets `graphs` follow a switch: the row that was about to be active and that readers now get becomes active, the one before it retired.
 * `switched` is the caller's row, which has been live even when another builder has already replaced it.
 */
export async function settleActive(pool: pg.Pool, store: GraphStore, switched?: string): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query(LOCK);
    const pointer = await store.pointer();
    const [live] = await selectGraphs(client, `WHERE version = $1 AND state = 'activating' FOR UPDATE`, [pointer]);
    if (live !== undefined) {
      const { rows } = await client.query<{ version: string }>(
        `UPDATE graphs SET state = 'retired', retired_at = now() WHERE state = 'active' RETURNING version`,
      );
      await client.query(
        `UPDATE graphs SET state = 'active', activated_at = now(), retired_at = NULL, lease_until = NULL,
                previous_version = coalesce($2, previous_version) WHERE id = $1`,
        [live.id, rows[0]?.version ?? null],
      );
    }
    if (switched !== undefined) {
      await client.query(
        `UPDATE graphs SET state = 'retired', activated_at = now(), retired_at = now(), lease_until = NULL
         WHERE id = $1 AND state = 'activating'`,
        [switched],
      );
    }
  });
}
