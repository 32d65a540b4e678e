import * as fleet from '../../src/api/legacy-sync/fleet.routes.ts';
import * as graph from '../../src/api/graph/graph.routes.ts';
import * as health from '../../src/api/health/health.routes.ts';
import * as runs from '../../src/api/legacy-sync/runs.routes.ts';
import * as settings from '../../src/api/settings/settings.routes.ts';
import * as workers from '../../src/api/workers/workers.routes.ts';
import type { RouteDefinition } from '../../src/api/core/route.ts';

const GROUPS: [prefix: string, routes: object][] = [
  ['/health', health],
  ['/api/v1/workers', workers],
  ['/api/v1/legacy-sync/runs', runs],
  ['/api/v1/legacy-sync', fleet],
  ['/api/v1/graph', graph],
  ['/api/v1/settings', settings],
];

const table = GROUPS.flatMap(([prefix, routes]) =>
  (Object.values(routes) as unknown[])
    .filter((each): each is RouteDefinition => typeof each === 'object' && each !== null && 'access' in each)
    .map((definition) => ({ definition, pattern: patternOf(`${prefix}/${definition.path}`) })),
);

/** The definition that an answer must fit; the one with the fewest parameters, as the router has it. */
export function definitionOf(method: string, path: string): RouteDefinition | undefined {
  const bare = path.split('?')[0]!;
  return table
    .filter(({ definition, pattern }) => definition.method === method && pattern.test(bare))
    .sort((a, b) => a.definition.path.split(':').length - b.definition.path.split(':').length)[0]?.definition;
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/\/$/, '').replaceAll(/:[a-zA-Z]+/g, '[^/]+')}/?$`);
}
