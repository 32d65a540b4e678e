import { type Queryable, inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import { contentSum } from '../../../graph/graph-content.ts';
import { actOfRequest, recordAct } from '../../../records/audit-log.ts';
import { type GraphBuilderContext, type GraphBuilderDependencies, openContext } from './graph-builder-context.ts';
import { type GraphRecord, activeGraph, retiredGraph } from '../../../records/graphs.ts';
import { markActivating, undoActivating } from '../../../records/graph-switch.ts';
import { orLeaveToReconciling } from './activate-graph.ts';
import { settleActive } from './settle-active.ts';

export interface RollbackRequest {
  /** The default is the graph before the active one. */
  version?: string;
  /** The graph that is to be left: another one that is live by then stays. The default is whichever is live. */
  from?: string;
  /** Names the request, so that one that was done is not done again. */
  request?: string;
  actor: string;
  reason: string;
}

/**
 * Sends readers back to an earlier graph that is still whole in Redis, and writes an audit row. The pipeline builds the graph that was left
 * again only when its data change.
 * Errors: GraphUnavailable, GraphSuperseded.
 */
export async function rollbackGraph(
  deps: GraphBuilderDependencies,
  request: RollbackRequest,
): Promise<{ from: string; to: string }> {
  const context = await openContext(deps);
  const { pool, store } = context;
  await settleActive(pool, store);
  const active = await activeGraph(pool);
  const before = request.request === undefined ? null : await doneBefore(pool, request.request, active);
  if (before !== null) return before;
  if (request.from !== undefined && request.from !== active?.version) {
    throw superseded(
      `Leaving ${request.from}: the live graph is ${active?.version ?? 'none'} by now. Nothing was switched.`,
    );
  }
  const target = await findTarget(context, active, request.version);
  const stored = await store.read(target.version);
  if (stored === null || contentSum(stored) !== target.content_sha256) {
    throw new Failure('GraphUnavailable', `Rolling back to ${target.version}: it is not whole in Redis any more.`);
  }
  await inTransaction(pool, async (client) => {
    const move = { id: target.id, from: 'retired', leaseMs: context.settings.buildLeaseMs } as const;
    if (!(await markActivating(client, move))) {
      throw new Failure(
        'GraphUnavailable',
        `Rolling back to ${target.version}: it has just been removed or activated.`,
      );
    }
    const { actor, reason } = request;
    const details = { from: active?.version ?? null, ...(request.request && { request: request.request }) };
    await recordAct(client, { actor, action: 'graph.rollback', subject: target.version, reason, details });
  });
  const known = <T>(work: () => Promise<T>): Promise<T> => orLeaveToReconciling(context, target, work);
  const result = await known(() => store.switchTo(active?.version ?? null, target.version, target.nodes));
  if (result === 'stale' || result === 'incomplete') {
    await undoActivating(pool, target.id);
    throw superseded(`Rolling back to ${target.version}: the live graph changed meanwhile. Look again.`);
  }
  await known(() => settleActive(pool, store, target.id));
  return { from: active?.version ?? '', to: target.version };
}

const superseded = (message: string): Failure => new Failure('GraphSuperseded', message);

/** The result of an earlier attempt at this request, when the graph it switched to is live. */
async function doneBefore(
  pool: Queryable,
  request: string,
  active: GraphRecord | null,
): Promise<{ from: string; to: string } | null> {
  const act = await actOfRequest<{ from: string | null }>(pool, 'graph.rollback', request);
  return act === null || act.subject !== active?.version ? null : { from: act.details.from ?? '', to: act.subject };
}

async function findTarget(
  { pool }: GraphBuilderContext,
  active: GraphRecord | null,
  version: string | undefined,
): Promise<GraphRecord> {
  const wanted = version ?? active?.previous_version;
  const target = await retiredGraph(pool, wanted ?? null);
  if (target !== null) return target;
  throw new Failure(
    'GraphUnavailable',
    `Rolling back: there is no earlier graph${wanted ? ` ${wanted}` : ''} to go back to.`,
  );
}
