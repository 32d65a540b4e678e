import { type TransportGraph, UNKNOWN_STOP } from './transport-graph.ts';

/** Sets of nodes, each in ascending order. The largest set comes first; of equal sets, the one with the lower first node. */
export type Components = number[][];

/** Finds which nodes are connected when the direction of the edges is ignored. Uses union-find with path halving, by size. */
export function weakComponents(graph: TransportGraph): Components {
  const parent = Int32Array.from(graph.stops, (_, node) => node);
  const size = new Int32Array(graph.stops.length).fill(1);
  const find = (start: number): number => {
    let node = start;
    while (parent[node] !== node) {
      parent[node] = parent[parent[node]!]!;
      node = parent[node]!;
    }
    return node;
  };
  for (const [edge, source] of graph.from.entries()) {
    const target = graph.to[edge]!;
    if (source === UNKNOWN_STOP || target === UNKNOWN_STOP) continue;
    let [a, b] = [find(source), find(target)];
    if (a === b) continue;
    if (size[a]! < size[b]!) [a, b] = [b, a];
    parent[b] = a;
    size[a]! += size[b]!;
  }
  return grouped(parent.length, find);
}

/**
 * Finds which nodes reach each other in both directions. Tarjan's algorithm uses an explicit stack here, because recursion overflows on a
 * long line of stops.
 */
export function strongComponents(graph: TransportGraph): Components {
  const nodes = graph.stops.length;
  const order = new Int32Array(nodes).fill(-1);
  const lowest = new Int32Array(nodes);
  const component = new Int32Array(nodes).fill(-1);
  const nextEdge = graph.firstOutgoing.slice(0, nodes);
  const open: number[] = [];
  const path: number[] = [];
  let visited = 0;

  const enter = (node: number): void => {
    order[node] = lowest[node] = visited++;
    open.push(node);
    path.push(node);
  };
  const leave = (node: number): void => {
    path.pop();
    const caller = path.at(-1);
    if (caller !== undefined) lowest[caller] = Math.min(lowest[caller]!, lowest[node]!);
    if (lowest[node] !== order[node]) return;
    for (let member = -1; member !== node; ) component[(member = open.pop()!)] = node;
  };
  for (let start = 0; start < nodes; start++) {
    if (order[start] !== -1) continue;
    enter(start);
    while (path.length > 0) {
      const node = path.at(-1)!;
      if (nextEdge[node]! === graph.firstOutgoing[node + 1]) {
        leave(node);
        continue;
      }
      const target = graph.to[graph.outgoing[nextEdge[node]!++]!]!;
      if (target === UNKNOWN_STOP) continue;
      if (order[target] === -1) enter(target);
      else if (component[target] === -1) lowest[node] = Math.min(lowest[node]!, order[target]!);
    }
  }
  return grouped(nodes, (node) => component[node]!);
}

/** Marks with 1 the nodes that can be reached from a node, or, backward, from which it can be reached. */
export function reachableFrom(graph: TransportGraph, start: number, direction: 'forward' | 'backward'): Uint8Array {
  const [sources, targets] = direction === 'forward' ? [graph.from, graph.to] : [graph.to, graph.from];
  const next = new Map<number, number[]>();
  for (const [edge, source] of sources.entries()) {
    const known = next.get(source);
    if (known) known.push(targets[edge]!);
    else next.set(source, [targets[edge]!]);
  }
  const reached = new Uint8Array(graph.stops.length);
  reached[start] = 1;
  const open = [start];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    for (const target of next.get(node) ?? []) {
      if (target === UNKNOWN_STOP || reached[target] === 1) continue;
      reached[target] = 1;
      open.push(target);
    }
  }
  return reached;
}

function grouped(nodes: number, representative: (node: number) => number): Components {
  const members = new Map<number, number[]>();
  for (let node = 0; node < nodes; node++) {
    const key = representative(node);
    const group = members.get(key);
    if (group) group.push(node);
    else members.set(key, [node]);
  }
  return [...members.values()].sort((a, b) => b.length - a.length || a[0]! - b[0]!);
}
