import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MultiDirectedGraph } from 'graphology';
import { connectedComponents, stronglyConnectedComponents } from 'graphology-components';
import { strongComponents, weakComponents } from '../../src/graph/components.ts';
import { graphContent } from '../../src/graph/graph-content.ts';
import type { RouteRow, StopRow } from '../../src/graph/graph-rows.ts';
import { type GraphEdge, buildTransportGraph } from '../../src/graph/transport-graph.ts';

// graphology is the oracle: another implementation, by others, of the same definitions.

interface Case {
  stops: StopRow[];
  routes: RouteRow[];
}

const cases: fc.Arbitrary<Case> = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 80 }))
  .chain(([nodes, edges]) => {
    const node = fc.integer({ min: 0, max: nodes - 1 });
    const edge = fc.record({ from: node, to: node, weight: fc.double({ min: 0.1, max: 1e6, noNaN: true }) });
    return fc.array(edge, { minLength: edges, maxLength: edges }).map((list) => ({
      stops: Array.from({ length: nodes }, (_, i) => stop(`s"${i}`)),
      routes: list.map(({ from, to, weight }, i) => route(`r${i}`, `s"${from}`, `s"${to}`, weight)),
    }));
  });

const stop = (id: string): StopRow => ({
  id,
  name: `Остановка ${id}`,
  cityName: null,
  latitude: null,
  longitude: null,
  virtual: false,
});
const route = (id: string, fromStopId: string, toStopId: string, weight: number): RouteRow => ({
  id,
  fromStopId,
  toStopId,
  weight,
  distance: null,
  transportType: 'BUS',
});

function oracleOf({ stops, routes }: Case): MultiDirectedGraph {
  const oracle = new MultiDirectedGraph();
  for (const { id } of stops) oracle.addNode(id);
  for (const { id, fromStopId, toStopId, weight } of routes)
    oracle.addEdgeWithKey(id, fromStopId, toStopId, { weight });
  return oracle;
}

const asSets = (components: string[][]): string[] => components.map((ids) => ids.toSorted().join(' ')).sort();

test('components, weak and strong, are those of graphology', () => {
  fc.assert(
    fc.property(cases, (example) => {
      const graph = buildTransportGraph(example);
      const ids = (components: number[][]): string[][] =>
        components.map((nodes) => nodes.map((n) => graph.stops[n]!.id));
      const oracle = oracleOf(example);
      expect(asSets(ids(weakComponents(graph)))).toEqual(asSets(connectedComponents(oracle)));
      expect(asSets(ids(strongComponents(graph)))).toEqual(asSets(stronglyConnectedComponents(oracle)));
    }),
    { numRuns: 500 },
  );
});

test('the stored edges are the routes, each at its source', () => {
  fc.assert(
    fc.property(cases, (example) => {
      const content = graphContent(buildTransportGraph(example));
      const oracle = oracleOf(example);
      expect(content.edges).toBe(oracle.size);
      for (const [i, stopId] of content.stopIds.entries()) {
        const edges = JSON.parse(content.neighbors[i]!) as GraphEdge[];
        expect(edges.map(({ routeId }) => routeId!).toSorted()).toEqual(oracle.outEdges(stopId).toSorted());
        for (const edge of edges) {
          expect(oracle.extremities(edge.routeId!)).toEqual([edge.fromStopId, edge.toStopId]);
          expect(oracle.getEdgeAttribute(edge.routeId!, 'weight')).toBe(edge.weight);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('the order of the rows does not change the graph', () => {
  fc.assert(
    fc.property(cases, ({ stops, routes }) => {
      const there = graphContent(buildTransportGraph({ stops, routes }));
      const back = graphContent(buildTransportGraph({ stops: stops.toReversed(), routes: routes.toReversed() }));
      expect(back).toEqual(there);
    }),
  );
});

test('a line of 200,000 stops overflows no stack', () => {
  const stops = Array.from({ length: 200_000 }, (_, i) => stop(String(i).padStart(6, '0')));
  const routes = stops.slice(1).map(({ id }, i) => route(id, stops[i]!.id, id, 1));
  const graph = buildTransportGraph({ stops, routes });
  expect(weakComponents(graph)).toHaveLength(1);
  expect(strongComponents(graph)).toHaveLength(200_000);
});
