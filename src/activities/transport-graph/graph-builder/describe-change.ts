import type { StoredContent } from '../../../graph-store/stored-content.ts';
import { type GraphDiff, type StoredGraph, diffGraphs } from '../../../graph/graph-diff.ts';
import type { GraphBuilderContext } from './graph-builder-context.ts';

/** What the new graph added and removed compared with the graph before it; null when the earlier graph cannot be read. */
export async function describeChange(
  { store }: GraphBuilderContext,
  previous: { version: string | null; sha256: string | null },
  content: StoredContent & { sha256: string },
): Promise<GraphDiff | null> {
  if (previous.sha256 === content.sha256) return diffGraphs(new Map(), new Map());
  const before = previous.version === null ? null : await store.read(previous.version);
  return before === null ? null : diffGraphs(byStop(before), byStop(content));
}

function byStop({ stopIds, nodes, neighbors }: StoredContent): StoredGraph {
  return new Map(stopIds.map((stopId, i) => [stopId, { node: nodes[i]!, neighbors: neighbors[i]! }]));
}
