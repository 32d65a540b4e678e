import { type GraphBuilderContext, type GraphBuilderDependencies, openContext } from './graph-builder-context.ts';
import { collectGarbage } from './collect-garbage.ts';
import { sweepGraphBackups } from './graph-backup.ts';
import { reconcileGraphs } from './reconcile-graphs.ts';
import { type RefillResult, ensureGraphInRedis } from './refill-graph.ts';

const NEVER = new AbortController().signal;

/** A worker runs this every `graph.refill_check_ms`. Several workers may run it at once. */
export async function maintainGraphs(deps: GraphBuilderDependencies): Promise<RefillResult> {
  // This runs outside an activity, where Temporal's own heartbeat and cancellation functions throw.
  const context = { ...(await openContext(deps)), heartbeat: () => {}, cancellationSignal: () => NEVER };
  const result = await maintain(context);
  await sweepGraphBackups(deps);
  return result;
}

/** The part of the maintenance that a build does before it begins. */
export async function maintain(context: GraphBuilderContext): Promise<RefillResult> {
  await reconcileGraphs(context);
  const result = await ensureGraphInRedis(context);
  await collectGarbage(context);
  return result;
}
