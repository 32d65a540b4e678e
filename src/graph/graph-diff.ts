import type { GraphEdge } from './transport-graph.ts';

export interface Counts {
  added: number;
  removed: number;
  changed: number;
}

export interface GraphDiff {
  nodes: Counts & { addedSamples: string[]; removedSamples: string[] };
  edges: Counts;
}

/** A stored graph by stop id: the JSON text of each node and of its neighbours. */
export type StoredGraph = ReadonlyMap<string, { node: string; neighbors: string }>;

const MAX_SAMPLES = 10;

/** Compares two graphs. Edges are told apart by route id, and only texts that differ are parsed. */
export function diffGraphs(before: StoredGraph, after: StoredGraph): GraphDiff {
  const diff: GraphDiff = {
    nodes: { added: 0, removed: 0, changed: 0, addedSamples: [], removedSamples: [] },
    edges: { added: 0, removed: 0, changed: 0 },
  };
  for (const [stopId, now] of after) {
    const was = before.get(stopId);
    if (was === undefined) {
      diff.nodes.added += 1;
      keepSample(diff.nodes.addedSamples, stopId);
    } else if (was.node !== now.node) diff.nodes.changed += 1;
    if (was?.neighbors !== now.neighbors) countEdges(diff.edges, was?.neighbors ?? '[]', now.neighbors);
  }
  for (const [stopId, was] of before) {
    if (after.has(stopId)) continue;
    diff.nodes.removed += 1;
    keepSample(diff.nodes.removedSamples, stopId);
    countEdges(diff.edges, was.neighbors, '[]');
  }
  return diff;
}

function keepSample(samples: string[], stopId: string): void {
  if (samples.length < MAX_SAMPLES) samples.push(stopId);
}

function countEdges(counts: Counts, before: string, after: string): void {
  const old = byRoute(before);
  for (const [route, text] of byRoute(after)) {
    const was = old.get(route);
    old.delete(route);
    if (was === undefined) counts.added += 1;
    else if (was !== text) counts.changed += 1;
  }
  counts.removed += old.size;
}

function byRoute(neighbors: string): Map<string, string> {
  const edges = JSON.parse(neighbors) as GraphEdge[];
  return new Map(edges.map((edge) => [edge.routeId ?? `${edge.fromStopId}>${edge.toStopId}`, JSON.stringify(edge)]));
}
