import { type GraphBuilderContext, type GraphBuilderDependencies, openContext } from './graph-builder-context.ts';
import { collectGarbage } from './collect-garbage.ts';
import { reconcileGraphs } from './reconcile-graphs.ts';
import { type RefillResult, ensureGraphInRedis } from './refill-graph.ts';

/** What a worker does every minute, and every build before it begins. May run anywhere at once. */
export async function maintainGraphs(deps: GraphBuilderDependencies): Promise<RefillResult> {
  return maintain(await openContext(deps));
}

export async function maintain(context: GraphBuilderContext): Promise<RefillResult> {
  await reconcileGraphs(context);
  const result = await ensureGraphInRedis(context);
  await collectGarbage(context);
  return result;
}
