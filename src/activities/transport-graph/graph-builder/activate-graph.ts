import { inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import type { ConstructedGraph } from './construct-graph.ts';
import type { GraphBuilderContext } from './graph-builder-context.ts';
import { markActivating } from '../../../records/graph-switch.ts';
import {
  type GraphRecord,
  activeGraph,
  deleteBuild,
  endLease,
  failBuild,
  insertGraph,
} from '../../../records/graphs.ts';
import { holdLease } from './hold-lease.ts';
import { loadVerified } from './load-verified.ts';
import { settleActive } from './settle-active.ts';

/** `beaten`: another builder made the same graph live in the meantime. */
export type Activation = { kind: 'activated' | 'beaten'; graph: GraphRecord };

/**
 * Loads a constructed graph under a new version and switches readers to it. A failure leaves no keys, and a row that is `failed` with the
 * reason; a cancelled build leaves nothing. When the answer to the switch was lost, the row stays `activating` until the next reconciliation finds out what happened.
 *
 * @param expected the pointer as it was before the rows were read: a graph that went live since then is newer than ours
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
    const move = { id: graph.id, from: 'building', leaseMs: context.settings.buildLeaseMs } as const;
    if (!(await markActivating(pool, move))) throw superseded(graph, 'its lease ran out');
    context.faultPoint?.('graph-builder:before-switch');
    switching = true;
    const result = await store.switchTo(expected, graph.version, nodes);
    switching = false;
    context.faultPoint?.('graph-builder:after-switch');
    if (result === 'stale') return await yieldTo(context, graph);
    if (result === 'incomplete') throw superseded(graph, 'its keys are gone');
  } catch (error) {
    lease.release();
    if (switching) await leaveToReconciling(context, graph);
    else if (context.cancellationSignal().aborted) await remove(context, graph);
    else await discard(context, graph, error);
    throw error;
  } finally {
    lease.release();
  }
  await orLeaveToReconciling(context, graph, () => settleActive(pool, store, graph.id));
  return { kind: 'activated', graph };
}

/** Another builder loaded the same graph and switched first. Readers get the same content either way, so this is a success. */
async function yieldTo(context: GraphBuilderContext, graph: GraphRecord): Promise<Activation> {
  await settleActive(context.pool, context.store);
  const active = await activeGraph(context.pool);
  if (active?.fingerprint !== graph.fingerprint) throw superseded(graph, 'readers were sent to another version');
  await remove(context, graph);
  return { kind: 'beaten', graph: active };
}

function superseded(graph: GraphRecord, why: string): Failure {
  return new Failure('GraphSuperseded', `Activating ${graph.version}: ${why} in the meantime. It is built again.`);
}

/** Removes what a failed build has left, and ends its row. */
export function discard(context: GraphBuilderContext, graph: GraphRecord, reason: unknown): Promise<void> {
  const text = reason instanceof Error ? reason.message : String(reason);
  return clear(context, graph, failBuild(context.pool, graph.id, text));
}

/** Nothing went wrong with the build: it was cancelled, or another builder made the same graph. */
const remove = (context: GraphBuilderContext, graph: GraphRecord): Promise<void> =>
  clear(context, graph, deleteBuild(context.pool, graph.id));

/** A later sweep finds what cannot be removed now, by its lease and by the list of versions. */
async function clear({ store, log }: GraphBuilderContext, graph: GraphRecord, row: Promise<void>): Promise<void> {
  const results = await Promise.allSettled([store.remove(graph.version), row]);
  for (const result of results) {
    if (result.status === 'rejected') log.warn(`Not all of ${graph.version} could be removed yet: ${result.reason}`);
  }
}

/** Does what follows once readers may have been sent to the graph. When that fails, the next reconciliation settles the row. */
export async function orLeaveToReconciling<T>(
  context: GraphBuilderContext,
  graph: GraphRecord,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await leaveToReconciling(context, graph);
    throw error;
  }
}

/** Whether readers were sent to the graph is not known now. Waiting for the lease would tell it no better. */
async function leaveToReconciling({ pool, log }: GraphBuilderContext, graph: GraphRecord): Promise<void> {
  log.warn(`Whether ${graph.version} is live is not known yet; the next reconciliation settles it`);
  await endLease(pool, graph.id).catch(() => {
    // PostgreSQL is away, too. The lease runs out by itself.
  });
}
