import type { StoredContent } from '../../../connections/graph-store.ts';
import { type GraphDiff, type StoredGraph, diffGraphs } from '../../../graph/graph-diff.ts';
import type { GraphBuilderContext } from './graph-builder-context.ts';

/** What the new graph has that the one before had not, and the reverse; null when that one cannot be read. */
export async function describeChange(
  { store }: GraphBuilderContext,
  previous: string | null,
  content: StoredContent,
): Promise<GraphDiff | null> {
  const before = previous === null ? null : await store.read(previous);
  return before === null ? null : diffGraphs(byStop(before), byStop(content));
}

function byStop({ stopIds, nodes, neighbors }: StoredContent): StoredGraph {
  return new Map(stopIds.map((stopId, i) => [stopId, { node: nodes[i]!, neighbors: neighbors[i]! }]));
}
