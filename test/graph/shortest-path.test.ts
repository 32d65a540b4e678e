import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MultiDirectedGraph } from 'graphology';
import dijkstra from 'graphology-shortest-path/dijkstra.js';
import { createPathNetwork } from '../../src/graph/shortest-path.ts';
import type { GraphEdge } from '../../src/graph/transport-graph.ts';

type Weighted = [from: number, to: number, weight: number];

const stopId = (node: number): string => `stop-${node}`;
const edgeOf = ([from, to, weight]: Weighted, n: number): GraphEdge => ({
  fromStopId: stopId(from),
  toStopId: stopId(to),
  weight,
  routeId: `route-${n}`,
});

function networkOf(nodes: number, edges: GraphEdge[]) {
  const ids = Array.from({ length: nodes }, (_, node) => stopId(node));
  const neighbors = ids.map((id) => JSON.stringify(edges.filter(({ fromStopId }) => fromStopId === id)));
  return createPathNetwork(ids, neighbors);
}

/** The least minutes by another library; null where there is no way. */
function oracle(nodes: number, edges: GraphEdge[], from: string, to: string): number | null {
  const graph = new MultiDirectedGraph();
  for (let node = 0; node < nodes; node++) graph.addNode(stopId(node));
  for (const { fromStopId, toStopId, weight } of edges) graph.addEdge(fromStopId, toStopId, { weight });
  const path = dijkstra.bidirectional(graph, from, to, 'weight');
  if (path === null) return null;
  let minutes = 0;
  for (let i = 1; i < path.length; i++) {
    const between = edges.filter(({ fromStopId, toStopId }) => fromStopId === path[i - 1] && toStopId === path[i]);
    minutes += Math.min(...between.map(({ weight }) => weight));
  }
  return minutes;
}

test('finds the least minutes, as another library does, by edges that join', () => {
  const node = fc.integer({ min: 0, max: 14 });
  const edges = fc.array(fc.tuple(node, node, fc.integer({ min: 1, max: 90 })), { maxLength: 60 });
  fc.assert(
    fc.property(edges, node, node, (weighted, from, to) => {
      const all = weighted.map(edgeOf);
      const found = networkOf(15, all).shortestPath(stopId(from), stopId(to));
      expect(found?.minutes ?? null).toBe(from === to ? 0 : oracle(15, all, stopId(from), stopId(to)));
      if (found === null) return;
      expect(found.edges.reduce((sum, { weight }) => sum + weight, 0)).toBe(found.minutes);
      let at = stopId(from);
      for (const { fromStopId, toStopId } of found.edges) {
        expect(fromStopId).toBe(at);
        at = toStopId;
      }
      expect(at).toBe(stopId(to));
    }),
    { numRuns: 500 },
  );
});

test('an edge to a stop that is not there is left out; kilometres are of the edges that have any', () => {
  const edges: GraphEdge[] = [
    { fromStopId: 'stop-0', toStopId: 'nowhere', weight: 1 },
    { fromStopId: 'stop-0', toStopId: 'stop-1', weight: 5, distance: 2.5 },
    { fromStopId: 'stop-1', toStopId: 'stop-2', weight: 6 },
  ];
  const network = networkOf(3, edges);
  expect([network.stops, network.edges, network.has('nowhere')]).toEqual([3, 2, false]);
  expect(network.shortestPath('stop-0', 'stop-2')).toEqual({ minutes: 11, distanceKm: 2.5, edges: edges.slice(1) });
  expect(network.shortestPath('stop-2', 'stop-0')).toBeNull();
});
