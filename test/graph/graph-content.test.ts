import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { graphContent } from '../../src/graph/graph-content.ts';
import { type GraphEdge, buildTransportGraph } from '../../src/graph/transport-graph.ts';

const id = fc.oneof(fc.constantFrom('stop-1', 'Якутск', 'a"b', 'a\\b', 'line\nbreak', '\u2028', '🚌'), fc.string());
const type = fc.constantFrom(null, 'BUS', 'САМОЛЁТ', '"', 'AIR');
const routes = fc.array(
  fc.record({
    id,
    weight: fc.double({ min: 1e-9, max: 1e25, noNaN: true }),
    distance: fc.oneof(fc.constant(null), fc.double()),
    transportType: type,
  }),
  { maxLength: 30 },
);

test('the text of a stop’s neighbours is JSON.stringify’s of the spec’s edges', () => {
  fc.assert(
    fc.property(id, id, routes, (a, b, list) => {
      const ids = [...new Set([a, b])];
      const stops = ids.map((each) => ({
        id: each,
        name: each,
        cityName: null,
        latitude: 1,
        longitude: 2,
        virtual: false,
      }));
      const at = (n: number): string => ids[n % ids.length]!;
      const rows = list.map((each, n) => ({ ...each, id: `${n} ${each.id}`, fromStopId: at(n >> 1), toStopId: at(n) }));
      const { stopIds, neighbors } = graphContent(buildTransportGraph({ stops, routes: rows }));
      for (const [i, stopId] of stopIds.entries()) {
        const own = rows.filter(({ fromStopId }) => fromStopId === stopId).sort((x, y) => (x.id < y.id ? -1 : 1));
        const edges = own.map(
          ({ id: routeId, fromStopId, toStopId, weight, distance, transportType }): GraphEdge => ({
            fromStopId,
            toStopId,
            weight,
            ...(distance !== null && Number.isFinite(distance) ? { distance } : {}),
            ...(transportType === null ? {} : { transportType }),
            routeId,
          }),
        );
        expect(neighbors[i]).toBe(JSON.stringify(edges));
      }
    }),
    { numRuns: 500 },
  );
});
