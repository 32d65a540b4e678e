/** A source of one small town, no hub that anybody knows, and the directory that comes with fleetgraph: the whole pipeline, read as a reader does. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readCities } from '../../src/activities/transport-graph/virtual-entities/cities-directory.ts';
import { GraphReader } from '../../src/graph-store/graph-reader.ts';
import type { StoredContent } from '../../src/graph-store/stored-content.ts';
import type { GraphEdge } from '../../src/graph/transport-graph.ts';
import { type Pipeline, openPipeline } from '../support/pipeline.ts';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await openPipeline({ settings: { 'virtual.hub_city': 'Нигде', 'virtual.horizon_days': 30 } });
  for (const stop of pipeline.network.Stops) stop['CityName'] = 'Посёлок вне справочника';
  await pipeline.startWorker();
});
afterAll(() => pipeline.close());

/** The stops that a traveller comes to from the first, along the edges or against them, over none of those of `without`. */
function reached({ stopIds, neighbors }: StoredContent, backwards: boolean, without: ReadonlySet<string> = new Set()) {
  const ways = new Map<string, string[]>(stopIds.map((id) => [id, []]));
  for (const edge of neighbors.flatMap((text) => JSON.parse(text) as GraphEdge[])) {
    if (without.has(edge.routeId!)) continue;
    const [from, to] = backwards ? [edge.toStopId, edge.fromStopId] : [edge.fromStopId, edge.toStopId];
    ways.get(from)!.push(to);
  }
  const seen = new Set([stopIds[0]!]);
  for (const id of seen) for (const next of ways.get(id)!) seen.add(next);
  return [...seen].sort();
}

test('sixty cities without a hub: within the cap of routes every stop is reached from every other, and the report says that the mesh is sparse', async () => {
  const cities = (await readCities('')).cities.length;
  expect(cities).toBeGreaterThan(55);
  const result = await pipeline.orchestrator.executeFullPipeline();
  expect(result).toMatchObject({ success: true, message: 'Pipeline executed successfully', workersExecuted: 3 });

  const [made] = await pipeline.rows<{ routes: number; report: { warnings: string[] } }>(
    `SELECT (SELECT count(*)::int FROM virtual_routes) AS routes, statistics -> 'virtualEntities' AS report FROM datasets WHERE state = 'active'`,
  );
  // All pairs would be thousands of routes. An even number of them makes the mesh; those to the source's own stops are within the cap, too.
  expect(made!.routes).toBeGreaterThan(490);
  expect(made!.routes).toBeLessThanOrEqual(500);
  const warning = expect.stringMatching(
    new RegExp(
      `^Direct connections between ${cities} cities take ${cities * (cities - 1)} routes and .* is 500: a sparser mesh of \\d+ routes`,
    ),
  );
  expect(made!.report).toMatchObject({ strategy: 'direct', hubStopId: null, stops: cities, warnings: [warning] });
  expect(pipeline.log().filter((line) => line.includes('a sparser mesh of'))).toHaveLength(1);

  const graph = await new GraphReader(pipeline.redis).read((pinned) => pinned.content());
  expect(graph.stopIds).toHaveLength(cities + pipeline.network.Stops.length);
  expect(reached(graph, false)).toEqual(graph.stopIds);
  expect(reached(graph, true)).toEqual(graph.stopIds);
});

test('no city hangs by one connection', async () => {
  const graph = await new GraphReader(pipeline.redis).read((pinned) => pinned.content());
  const edges = graph.neighbors.flatMap((text) => JSON.parse(text) as GraphEdge[]);
  const isCity = (id: string): boolean => id.startsWith('virtual-stop-');
  const pairs = edges.filter(
    ({ fromStopId, toStopId }) => isCity(fromStopId) && isCity(toStopId) && fromStopId < toStopId,
  );
  expect(pairs.length).toBeGreaterThan(200);
  for (const { fromStopId, toStopId } of pairs) {
    const lost = new Set([`virtual-route-${fromStopId}-${toStopId}`, `virtual-route-${toStopId}-${fromStopId}`]);
    expect(reached(graph, false, lost)).toHaveLength(graph.stopIds.length);
  }
});
