import { discard } from './activate-graph.ts';
import type { GraphBuilderContext } from './graph-builder-context.ts';
import { undoActivating } from '../../../records/graph-switch.ts';
import { abandonedGraphs, knownVersions } from '../../../records/graphs.ts';
import { settleActive } from './settle-active.ts';

const BUILDER_GONE = 'its builder ended before readers were sent to it';

/**
 * Repairs what a dead builder has left: finishes or undoes its switch, and removes its keys and its row. PostgreSQL says which graph was
 * meant to be live; the pointer says which one readers get. Only while a row is `activating` may the two differ.
 */
export async function reconcileGraphs(context: GraphBuilderContext): Promise<void> {
  const { pool, store } = context;
  await settleActive(pool, store);
  const pointer = await store.pointer();
  for (const graph of await abandonedGraphs(pool, pointer)) {
    if (graph.activated_at === null) await discard(context, graph, BUILDER_GONE);
    // This was a rollback whose switch never happened. Its graph is whole and stays retired.
    else await undoActivating(pool, graph.id);
  }
  await removeStrangers(context, pointer);
}

/** Removes versions in Redis that have no row. A build whose clean-up failed leaves them, and so does a database that was made anew. */
async function removeStrangers(
  { pool, store, settings, log }: GraphBuilderContext,
  pointer: string | null,
): Promise<void> {
  const old = (await store.versions()).filter(
    ({ version, since }) => version !== pointer && since < Date.now() - settings.graceMs,
  );
  if (old.length === 0) return;
  const kept = await knownVersions(
    pool,
    old.map(({ version }) => version),
  );
  for (const { version } of old) {
    if (kept.has(version)) continue;
    await store.remove(version);
    log.info(`Removed a graph that no row knows: ${version}`);
  }
}
