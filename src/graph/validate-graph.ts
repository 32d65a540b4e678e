import { type Components, reachableFrom, strongComponents, weakComponents } from './components.ts';
import { edgeIssues, placeOf } from './edge-issues.ts';
import { type GraphIssue, type GraphReport, MAX_SAMPLES, sortIssues } from './graph-report.ts';
import type { GraphRows } from './graph-rows.ts';
import type { TransportGraph } from './transport-graph.ts';

export interface ValidationInput {
  graph: TransportGraph;
  orphanFlights: GraphRows['orphanFlights'];
  horizonDays: GraphRows['horizonDays'];
  /** Size of the graph that readers have now; null before the first one. */
  active: { nodes: number; edges: number } | null;
  /** Allowed loss, in percent of the active graph's nodes or edges. */
  maxShrinkPercent: number;
  /** How bad it is that stops can be reached from the hub and not left, or left and not reached. */
  oneWayStops: 'error' | 'warning';
  /** null: the largest part in which every stop reaches every other takes the hub's place. */
  hubStopId: string | null;
  /** Who approved the smaller dataset. When it is set, the shrink gate only warns. */
  shrinkApprovedBy: string | null;
}

const SHORTEST_HORIZON_DAYS = 30;
/** Number of stops named per component: enough to find the place on a map. */
const STOPS_PER_COMPONENT = 5;

/**
 * Runs the spec's five validations (nodes, edges, weights, references, connectivity) and the shrink gate, and collects warnings. Parts
 * without any route between them are always an error. Stops that cannot be both reached from the hub and left for it are what
 * `oneWayStops` says.
 */
export function validateGraph(input: ValidationInput): GraphReport {
  const { graph } = input;
  const weak = weakComponents(graph);
  const strong = strongComponents(graph);
  const issues = sortIssues([
    ...emptiness(graph),
    ...edgeIssues(graph),
    ...duplicates(graph),
    ...connectivity(input, weak, strong),
    ...shrinkage(input),
    ...surroundings(input),
  ]);
  return {
    nodes: graph.stops.length,
    edges: graph.routes.length,
    weakComponents: weak.length,
    strongComponents: strong.length,
    valid: issues.every(({ severity }) => severity !== 'error'),
    issues,
  };
}

function emptiness({ stops, routes }: TransportGraph): GraphIssue[] {
  const issues: GraphIssue[] = [];
  if (stops.length === 0)
    issues.push({ code: 'no-nodes', severity: 'error', count: 1, message: 'there is no stop', samples: [] });
  if (routes.length === 0)
    issues.push({ code: 'no-edges', severity: 'error', count: 1, message: 'there is no route', samples: [] });
  return issues;
}

function duplicates({ duplicateStopIds }: TransportGraph): GraphIssue[] {
  if (duplicateStopIds.length === 0) return [];
  const samples = duplicateStopIds.slice(0, MAX_SAMPLES).map((stopId) => ({ stopId }));
  const message = 'stop ids belong to a real and to a virtual stop';
  return [{ code: 'duplicate-stop', severity: 'error', count: duplicateStopIds.length, message, samples }];
}

function connectivity(input: ValidationInput, weak: Components, strong: Components): GraphIssue[] {
  const { graph } = input;
  const issues: GraphIssue[] = [];
  if (weak.length > 1) {
    issues.push({
      code: 'not-connected',
      severity: 'error',
      count: weak.length,
      message: 'parts of the graph have no route between them',
      samples: weak.slice(0, MAX_SAMPLES).map((component) => describeComponent(graph, component)),
    });
  }
  if (strong.length > weak.length) issues.push(oneWayIssue(input, strong));
  return issues;
}

function oneWayIssue({ graph, hubStopId, oneWayStops }: ValidationInput, strong: Components): GraphIssue {
  const known = hubStopId === null ? -1 : graph.stops.findIndex(({ id }) => id === hubStopId);
  const hub = known < 0 ? strong[0]![0]! : known;
  const [reached, returning] = [reachableFrom(graph, hub, 'forward'), reachableFrom(graph, hub, 'backward')];
  const islands = strong.filter(([node]) => !(reached[node!] && returning[node!]));
  return {
    code: 'not-strongly-connected',
    severity: oneWayStops,
    count: islands.length,
    message: `parts of the graph cannot be both reached from “${graph.stops[hub]!.name}” and left for it`,
    samples: islands.slice(0, MAX_SAMPLES).map((component) => ({
      ...describeComponent(graph, component),
      reachedFromHub: reached[component[0]!] === 1,
      returnsToHub: returning[component[0]!] === 1,
    })),
  };
}

function describeComponent({ stops }: TransportGraph, component: number[]): Record<string, unknown> {
  const named = component.slice(0, STOPS_PER_COMPONENT).map((node) => stops[node]!);
  return { size: component.length, stops: named.map(({ id, name }) => ({ stopId: id, stopName: name })) };
}

function shrinkage({ graph, active, maxShrinkPercent, shrinkApprovedBy }: ValidationInput): GraphIssue[] {
  if (active === null) return [];
  const pairs = [
    { what: 'nodes', before: active.nodes, now: graph.stops.length },
    { what: 'edges', before: active.edges, now: graph.routes.length },
  ];
  const shrunken = pairs.filter(({ before, now }) => now < before * (1 - maxShrinkPercent / 100));
  if (shrunken.length === 0) return [];
  const figures = shrunken.map(({ what, before, now }) => `${before} → ${now} ${what}`).join(', ');
  const approved = shrinkApprovedBy !== null;
  return [
    {
      code: approved ? 'shrink-approved' : 'shrunken',
      severity: approved ? 'warning' : 'error',
      count: shrunken.length,
      message: `more than ${maxShrinkPercent} % smaller than the active graph (${figures})${approved ? `, approved by ${shrinkApprovedBy}` : ''}`,
      samples: shrunken,
    },
  ];
}

function surroundings({ graph, orphanFlights, horizonDays }: ValidationInput): GraphIssue[] {
  const issues: GraphIssue[] = [];
  const placeless = graph.stops.filter((stop) => placeOf(stop) === null);
  if (placeless.length > 0) {
    const samples = placeless.slice(0, MAX_SAMPLES).map(({ id, name }) => ({ stopId: id, stopName: name }));
    const message = 'stops have no coordinates, or (0, 0)';
    issues.push({ code: 'coordinates-missing', severity: 'warning', count: placeless.length, message, samples });
  }
  if (orphanFlights > 0) {
    const message = 'flights belong to no route';
    issues.push({ code: 'orphan-flights', severity: 'warning', count: orphanFlights, message, samples: [] });
  }
  if (horizonDays !== null && horizonDays < SHORTEST_HORIZON_DAYS) {
    const message = `the last flight departs in ${Math.floor(horizonDays)} days`;
    issues.push({ code: 'short-horizon', severity: 'warning', count: 1, message, samples: [{ horizonDays }] });
  }
  return issues;
}
