import { type Components, strongComponents, weakComponents } from './components.ts';
import { edgeIssues, placeOf } from './edge-issues.ts';
import { type GraphIssue, type GraphReport, MAX_SAMPLES, sortIssues } from './graph-report.ts';
import type { GraphRows } from './graph-rows.ts';
import type { TransportGraph } from './transport-graph.ts';

export interface ValidationInput {
  graph: TransportGraph;
  orphanFlights: GraphRows['orphanFlights'];
  horizonDays: GraphRows['horizonDays'];
  /** Of the graph that readers have now; null for the first one. */
  active: { nodes: number; edges: number } | null;
  /** In percent of the active graph's nodes or edges. */
  maxShrinkPercent: number;
  /** A person approved the dataset although it is smaller: the shrink gate only warns. */
  shrinkApprovedBy: string | null;
}

const SHORTEST_HORIZON_DAYS = 30;
/** Stops named per component: enough to find the place on a map. */
const STOPS_PER_COMPONENT = 5;

/**
 * The spec's five validations (nodes, edges, weights, references, connectivity), the shrink gate, and what is worth a warning.
 * Connected means weakly: a one-way route joins its stops. A stop that cannot be reached and left again is a warning.
 */
export function validateGraph(input: ValidationInput): GraphReport {
  const { graph } = input;
  const weak = weakComponents(graph);
  const strong = strongComponents(graph);
  const issues = sortIssues([
    ...emptiness(graph),
    ...edgeIssues(graph),
    ...duplicates(graph),
    ...connectivity(graph, weak, strong),
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

function connectivity(graph: TransportGraph, weak: Components, strong: Components): GraphIssue[] {
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
  if (strong.length > weak.length) {
    issues.push({
      code: 'not-strongly-connected',
      severity: 'warning',
      count: strong.length,
      message: 'parts of the graph can be reached or left, but not both',
      samples: strong.slice(1, 1 + MAX_SAMPLES).map((component) => describeComponent(graph, component)),
    });
  }
  return issues;
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
