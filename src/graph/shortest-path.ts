import type { GraphEdge } from './transport-graph.ts';

/** A stored graph, ready to be searched. */
export interface PathNetwork {
  readonly stops: number;
  readonly edges: number;
  has(stopId: string): boolean;
  /** The path with the fewest minutes; null when there is no path. Both stops must be in the graph. */
  shortestPath(from: string, to: string): ShortestPath | null;
}

export interface ShortestPath {
  minutes: number;
  /** Sum of the kilometres of the edges that have a distance; null when none has. */
  distanceKm: number | null;
  edges: GraphEdge[];
}

interface Edges {
  /** Edges of node i: `first[i]` up to `first[i + 1] - 1`. */
  first: Int32Array;
  to: Int32Array;
  weight: Float64Array;
  /** The edges as they were stored. */
  stored: GraphEdge[];
}

/** Takes stop ids with the stored JSON of their neighbours. An edge to a stop that is not in the graph is left out. */
export function createPathNetwork(stopIds: readonly string[], neighbors: readonly string[]): PathNetwork {
  const index = new Map(stopIds.map((stopId, node) => [stopId, node]));
  const edges = readEdges(index, neighbors);
  return {
    stops: stopIds.length,
    edges: edges.stored.length,
    has: (stopId) => index.has(stopId),
    shortestPath: (from, to) => search(edges, stopIds.length, index.get(from)!, index.get(to)!),
  };
}

function readEdges(index: ReadonlyMap<string, number>, neighbors: readonly string[]): Edges {
  const first = new Int32Array(neighbors.length + 1);
  const stored: GraphEdge[] = [];
  for (const [node, text] of neighbors.entries()) {
    for (const edge of JSON.parse(text) as GraphEdge[]) if (index.has(edge.toStopId)) stored.push(edge);
    first[node + 1] = stored.length;
  }
  const to = Int32Array.from(stored, (edge) => index.get(edge.toStopId)!);
  const weight = Float64Array.from(stored, (edge) => edge.weight);
  return { first, to, weight, stored };
}

/** Dijkstra's algorithm, which stops at the target. All weights are above zero: the validation checked that before the graph went live. */
function search(
  { first, to, weight, stored }: Edges,
  nodes: number,
  from: number,
  target: number,
): ShortestPath | null {
  const minutes = new Float64Array(nodes).fill(Number.POSITIVE_INFINITY);
  const by = new Int32Array(nodes).fill(-1);
  const before = new Int32Array(nodes).fill(-1);
  const queue = new MinuteQueue();
  minutes[from] = 0;
  queue.push(from, 0);
  for (;;) {
    const next = queue.pop();
    if (next === null) return null;
    if (next.node === target) break;
    // This entry is outdated: the search has found a shorter way to the node since.
    if (next.minutes > minutes[next.node]!) continue;
    for (let edge = first[next.node]!; edge < first[next.node + 1]!; edge++) {
      const reached = to[edge]!;
      const there = next.minutes + weight[edge]!;
      if (there >= minutes[reached]!) continue;
      minutes[reached] = there;
      by[reached] = edge;
      before[reached] = next.node;
      queue.push(reached, there);
    }
  }
  const path: GraphEdge[] = [];
  for (let node = target; node !== from; node = before[node]!) path.unshift(stored[by[node]!]!);
  const distances = path.flatMap(({ distance }) => (distance === undefined ? [] : [distance]));
  const distanceKm = distances.length === 0 ? null : distances.reduce((sum, each) => sum + each, 0);
  return { minutes: minutes[target]!, distanceKm, edges: path };
}

/** A binary heap of nodes, ordered by minutes. */
class MinuteQueue {
  readonly #nodes: number[] = [];
  readonly #minutes: number[] = [];

  push(node: number, minutes: number): void {
    let at = this.#nodes.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#minutes[above]! <= minutes) break;
      this.#put(at, this.#nodes[above]!, this.#minutes[above]!);
      at = above;
    }
    this.#put(at, node, minutes);
  }

  pop(): { node: number; minutes: number } | null {
    const node = this.#nodes[0];
    const minutes = this.#minutes[0];
    const [lastNode, lastMinutes] = [this.#nodes.pop(), this.#minutes.pop()];
    if (node === undefined || minutes === undefined) return null;
    const size = this.#nodes.length;
    if (size > 0) this.#sink(lastNode!, lastMinutes!, size);
    return { node, minutes };
  }

  #sink(node: number, minutes: number, size: number): void {
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= size) break;
      if (below + 1 < size && this.#minutes[below + 1]! < this.#minutes[below]!) below += 1;
      if (this.#minutes[below]! >= minutes) break;
      this.#put(at, this.#nodes[below]!, this.#minutes[below]!);
      at = below;
    }
    this.#put(at, node, minutes);
  }

  #put(at: number, node: number, minutes: number): void {
    this.#nodes[at] = node;
    this.#minutes[at] = minutes;
  }
}
