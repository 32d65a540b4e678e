import { inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import { contentSum } from '../../../graph/graph-content.ts';
import { type GraphBuilderContext, type GraphBuilderDependencies, openContext } from './graph-builder-context.ts';
import { type GraphRecord, activeGraph, markActivating, selectGraphs } from './graph-record.ts';
import { settleActive } from './settle-active.ts';

export interface RollbackRequest {
  /** The graph before the active one unless said. */
  version?: string;
  actor: string;
  reason: string;
}

/**
 * Sends readers back to an earlier graph that is still whole in Redis, with an audit row. The pipeline does not build the one that was
 * left again until its data changes. Errors: GraphUnavailable, GraphSuperseded.
 */
export async function rollbackGraph(
  deps: GraphBuilderDependencies,
  request: RollbackRequest,
): Promise<{ from: string; to: string }> {
  const context = await openContext(deps);
  const { pool, store } = context;
  await settleActive(pool, store);
  const active = await activeGraph(pool);
  const target = await findTarget(context, active, request.version);
  const stored = await store.read(target.version);
  if (stored === null || contentSum(stored) !== target.content_sha256) {
    throw new Failure('GraphUnavailable', `Rolling back to ${target.version}: it is not whole in Redis any more.`);
  }
  await inTransaction(pool, async (client) => {
    if (!(await markActivating(client, target.id, 'retired', context.settings.buildLeaseMs))) {
      throw new Failure(
        'GraphUnavailable',
        `Rolling back to ${target.version}: it has just been removed or activated.`,
      );
    }
    await client.query(
      `INSERT INTO audit_log (actor, action, subject, reason, details) VALUES ($1, 'graph.rollback', $2, $3, $4)`,
      [request.actor, target.version, request.reason, { from: active?.version ?? null }],
    );
  });
  const result = await store.switchTo(active?.version ?? null, target.version, target.nodes);
  if (result === 'stale' || result === 'incomplete') {
    await pool.query(`UPDATE graphs SET state = 'retired' WHERE id = $1 AND state = 'activating'`, [target.id]);
    throw new Failure(
      'GraphSuperseded',
      `Rolling back to ${target.version}: the live graph changed meanwhile. Look again.`,
    );
  }
  await settleActive(pool, store, target.id);
  return { from: active?.version ?? '', to: target.version };
}

async function findTarget(
  { pool }: GraphBuilderContext,
  active: GraphRecord | null,
  version: string | undefined,
): Promise<GraphRecord> {
  const wanted = version ?? active?.previous_version;
  const [target] = await selectGraphs(
    pool,
    `WHERE state = 'retired' AND ($1::text IS NULL OR version = $1) ORDER BY activated_at DESC LIMIT 1`,
    [wanted ?? null],
  );
  if (target !== undefined) return target;
  throw new Failure(
    'GraphUnavailable',
    `Rolling back: there is no earlier graph${wanted ? ` ${wanted}` : ''} to go back to.`,
  );
}
