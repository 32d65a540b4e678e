import { inTransaction } from '../../../connections/postgres.ts';
import type { GraphBuilderContext } from './graph-builder-context.ts';
import { markDeleted } from '../../../records/graph-switch.ts';
import { lockSurplusGraphs } from '../../../records/graphs.ts';

/**
 * Removes retired versions beyond those to keep, once no reader can still have them pinned. Returns the removed versions. The row stays
 * locked while the keys are removed, so that a rollback to it waits and then finds it deleted.
 */
export async function collectGarbage({ pool, store, settings }: GraphBuilderContext): Promise<string[]> {
  return inTransaction(pool, async (client) => {
    const surplus = await lockSurplusGraphs(client, settings);
    const pointer = surplus.length === 0 ? null : await store.pointer();
    const removed = surplus.filter(({ version }) => version !== pointer);
    for (const { id, version } of removed) {
      await store.remove(version);
      await markDeleted(client, id);
    }
    return removed.map(({ version }) => version);
  });
}
