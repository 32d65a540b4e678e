import { type GraphBuilderContext, type GraphBuilderDependencies, openContext } from './graph-builder-context.ts';
import { collectGarbage } from './collect-garbage.ts';
import { sweepGraphBackups } from './graph-backup.ts';
import { reconcileGraphs } from './reconcile-graphs.ts';
import { type RefillResult, ensureGraphInRedis } from './refill-graph.ts';

const NEVER = new AbortController().signal;

/** What a worker does again and again (`graph.refill_check_ms`). May run anywhere at once. */
export async function maintainGraphs(deps: GraphBuilderDependencies): Promise<RefillResult> {
  // It is nobody's activity: there is nothing to heartbeat to, and Temporal's own functions throw.
  const context = { ...(await openContext(deps)), heartbeat: () => {}, cancellationSignal: () => NEVER };
  const result = await maintain(context);
  await sweepGraphBackups(deps);
  return result;
}

/** The part of it that a build does before it begins. */
export async function maintain(context: GraphBuilderContext): Promise<RefillResult> {
  await reconcileGraphs(context);
  const result = await ensureGraphInRedis(context);
  await collectGarbage(context);
  return result;
}
