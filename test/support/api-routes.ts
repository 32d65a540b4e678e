import * as graph from '../../src/api/graph/graph.routes.ts';
import * as health from '../../src/api/health/health.routes.ts';
import * as inspections from '../../src/api/inspections/inspections.routes.ts';
import * as quarantine from '../../src/api/quarantine/quarantine.routes.ts';
import * as runs from '../../src/api/runs/runs.routes.ts';
import * as servers from '../../src/api/servers/servers.routes.ts';
import * as settings from '../../src/api/settings/settings.routes.ts';
import * as vehicles from '../../src/api/vehicles/vehicles.routes.ts';
import * as workers from '../../src/api/pipeline/workers.routes.ts';
import type { RouteDefinition } from '../../src/api/core/route-definition.ts';

const GROUPS: [prefix: string, routes: object][] = [
  ['/health', health],
  ['/api/v1/workers', workers],
  ['/api/v1/legacy-sync/runs', runs],
  ['/api/v1/legacy-sync/vehicles', vehicles],
  ['/api/v1/legacy-sync/servers', servers],
  ['/api/v1/legacy-sync', inspections],
  ['/api/v1/legacy-sync/quarantine', quarantine],
  ['/api/v1/graph', graph],
  ['/api/v1/settings', settings],
];

const table = GROUPS.flatMap(([prefix, routes]) =>
  (Object.values(routes) as unknown[])
    .filter((each): each is RouteDefinition => typeof each === 'object' && each !== null && 'access' in each)
    .map((definition) => ({ definition, pattern: patternOf(`${prefix}/${definition.path}`) })),
);

/** The definition that an answer must fit. As in the router, the one with the fewest parameters wins. */
export function definitionOf(method: string, path: string): RouteDefinition | undefined {
  const bare = path.split('?')[0]!;
  return table
    .filter(({ definition, pattern }) => definition.method === method && pattern.test(bare))
    .sort((a, b) => a.definition.path.split(':').length - b.definition.path.split(':').length)[0]?.definition;
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/\/$/, '').replaceAll(/:[a-zA-Z]+/g, '[^/]+')}/?$`);
}
