import { inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import type { ConstructedGraph } from './construct-graph.ts';
import type { GraphBuilderContext } from './graph-builder-context.ts';
import { type GraphRecord, activeGraph, insertGraph, markActivating } from './graph-record.ts';
import { holdLease } from './hold-lease.ts';
import { loadVerified } from './load-verified.ts';
import { settleActive } from './settle-active.ts';

/** `beaten`: another builder made the same graph live in the meantime. */
export type Activation = { kind: 'activated' | 'beaten'; graph: GraphRecord };

/**
 * Loads a constructed graph under a new version and switches readers to it. After any failure neither keys nor row are left, save when
 * the switch's own answer never came: then the row stays `activating`, and reconciling finds out what happened.
 *
 * @param expected the pointer as it was before the rows were read: a graph that went live since is newer than ours
 */
export async function activateGraph(
  context: GraphBuilderContext,
  constructed: ConstructedGraph,
  expected: string | null,
): Promise<Activation> {
  const { pool, store, log } = context;
  const { identity, content, report } = constructed;
  const { nodes, edges } = report;
  const taken = [...(await store.versions()).map(({ version }) => version), ...(expected === null ? [] : [expected])];
  const { datasetVersion, fingerprint } = identity;
  const { sha256 } = content;
  const row = { datasetVersion, fingerprint, nodes, edges, sha256, leaseMs: context.settings.buildLeaseMs };
  const graph = await inTransaction(pool, (client) => insertGraph(client, row, taken));
  const lease = holdLease(pool, graph.id, context.settings.buildLeaseMs);
  let switching = false;
  try {
    log.info('Step 3: Loading the graph into Redis...', { version: graph.version });
    await loadVerified(context, graph.version, { nodes, edges, sha256, datasetVersion, fingerprint }, content);
    context.cancellationSignal().throwIfAborted();
    if (!(await markActivating(pool, graph.id, 'building', context.settings.buildLeaseMs)))
      throw superseded(graph, 'its lease ran out');
    context.faultPoint?.('graph-builder:before-switch');
    switching = true;
    const result = await store.switchTo(expected, graph.version, nodes);
    switching = false;
    context.faultPoint?.('graph-builder:after-switch');
    if (result === 'stale') return await yieldTo(context, graph);
    if (result === 'incomplete') throw superseded(graph, 'its keys are gone');
  } catch (error) {
    if (!switching) await discard(context, graph);
    throw error;
  } finally {
    lease.release();
  }
  await settleActive(pool, store, graph.id);
  return { kind: 'activated', graph };
}

/** Of two builders that loaded the same graph one was first, and that is as good. */
async function yieldTo(context: GraphBuilderContext, graph: GraphRecord): Promise<Activation> {
  await settleActive(context.pool, context.store);
  const active = await activeGraph(context.pool);
  if (active?.fingerprint !== graph.fingerprint) throw superseded(graph, 'readers were sent to another version');
  await discard(context, graph);
  return { kind: 'beaten', graph: active };
}

function superseded(graph: GraphRecord, why: string): Failure {
  return new Failure('GraphSuperseded', `Activating ${graph.version}: ${why} in the meantime. It is built again.`);
}

/** Removes what a failed build has left. What cannot be removed now is found by its lease and by the list of versions. */
export async function discard({ pool, store, log }: GraphBuilderContext, graph: GraphRecord): Promise<void> {
  const results = await Promise.allSettled([
    store.remove(graph.version),
    pool.query(`DELETE FROM graphs WHERE id = $1 AND state IN ('building', 'activating') AND activated_at IS NULL`, [
      graph.id,
    ]),
  ]);
  for (const result of results) {
    if (result.status === 'rejected') log.warn(`Not all of ${graph.version} could be removed yet: ${result.reason}`);
  }
}
