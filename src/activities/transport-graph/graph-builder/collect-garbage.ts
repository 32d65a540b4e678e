import { inTransaction } from '../../../connections/postgres.ts';
import type { GraphBuilderContext } from './graph-builder-context.ts';
import { selectGraphs } from './graph-record.ts';

/**
 * Removes retired versions beyond those to keep, once no reader can still have them pinned. Returns the removed versions.
 * The row is locked while its keys go, so that a rollback to it waits and then finds it deleted.
 */
export async function collectGarbage({ pool, store, settings }: GraphBuilderContext): Promise<string[]> {
  const { versionsKept, graceMs } = settings;
  return inTransaction(pool, async (client) => {
    const surplus = await selectGraphs(
      client,
      `WHERE state = 'retired' AND retired_at < now() - $2 * interval '1 ms'
         AND id NOT IN (SELECT id FROM graphs WHERE state IN ('active', 'retired')
                        ORDER BY (state = 'active') DESC, activated_at DESC, id DESC LIMIT $1)
       ORDER BY id FOR UPDATE SKIP LOCKED`,
      [versionsKept, graceMs],
    );
    const pointer = surplus.length === 0 ? null : await store.pointer();
    const removed = surplus.filter(({ version }) => version !== pointer);
    for (const { id, version } of removed) {
      await store.remove(version);
      await client.query(`UPDATE graphs SET state = 'deleted' WHERE id = $1`, [id]);
    }
    return removed.map(({ version }) => version);
  });
}
