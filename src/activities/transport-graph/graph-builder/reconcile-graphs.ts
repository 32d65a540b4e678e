import { discard } from './activate-graph.ts';
import type { GraphBuilderContext } from './graph-builder-context.ts';
import { selectGraphs } from './graph-record.ts';
import { settleActive } from './settle-active.ts';

/**
 * Repairs what a builder that died has left: finishes or undoes its switch, removes its keys and its row. PostgreSQL says what was
 * meant, the pointer says what readers have; a row `activating` is the only state in which both may differ.
 */
export async function reconcileGraphs(context: GraphBuilderContext): Promise<void> {
  const { pool, store } = context;
  await settleActive(pool, store);
  const pointer = await store.pointer();
  const dead = await selectGraphs(
    pool,
    `WHERE state IN ('building', 'activating') AND coalesce(lease_until < now(), true) AND version IS DISTINCT FROM $1`,
    [pointer],
  );
  for (const graph of dead) {
    if (graph.activated_at === null) await discard(context, graph);
    // A rollback that was never switched: its graph is whole and stays what it was.
    else await pool.query(`UPDATE graphs SET state = 'retired' WHERE id = $1 AND state = 'activating'`, [graph.id]);
  }
  await removeStrangers(context, pointer);
}

/** Versions in Redis without a row: left by a build whose clean-up failed, or by a database that was made anew. */
async function removeStrangers(
  { pool, store, settings, log }: GraphBuilderContext,
  pointer: string | null,
): Promise<void> {
  const old = (await store.versions()).filter(
    ({ version, since }) => version !== pointer && since < Date.now() - settings.graceMs,
  );
  if (old.length === 0) return;
  const known = await selectGraphs(pool, `WHERE version = ANY($1) AND state <> 'deleted'`, [
    old.map(({ version }) => version),
  ]);
  const kept = new Set(known.map(({ version }) => version));
  for (const { version } of old) {
    if (kept.has(version)) continue;
    await store.remove(version);
    log.info(`Removed a graph that no row knows: ${version}`);
  }
}
