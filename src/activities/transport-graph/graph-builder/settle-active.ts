import type pg from 'pg';
import type { GraphStore } from '../../../graph-store/graph-store.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { activateRow, lockSwitch, retireOvertaken } from '../../../records/graph-switch.ts';

/**
 * Updates the rows of `graphs` after a switch: the `activating` row that readers now get becomes active, and the one before it retired.
 * `switched` is the caller's graph. It was live, even when another builder has replaced it already.
 */
export async function settleActive(pool: pg.Pool, store: GraphStore, switched?: string): Promise<void> {
  await inTransaction(pool, async (client) => {
    await lockSwitch(client);
    await activateRow(client, await store.pointer());
    if (switched !== undefined) await retireOvertaken(client, switched);
  });
}
