import { type GraphIssue, MAX_SAMPLES, type IssueCode, type Severity } from './graph-report.ts';
import { haversineKm, type Place } from './haversine.ts';
import type { StopRow } from './graph-rows.ts';
import { type TransportGraph, UNKNOWN_STOP } from './transport-graph.ts';

/**
 * An edge faster than an airliner or slower than a walker has a wrong time, zone or coordinate. Edges shorter than SHORT_KM are not judged,
 * because rounding to minutes distorts their speed.
 */
const FASTEST_KMH = 1_000;
const SLOWEST_KMH = 5;
const SHORT_KM = 5;

const CHECKS: {
  code: IssueCode;
  severity: Severity;
  message: string;
  found: (graph: TransportGraph, e: number) => boolean;
}[] = [
  {
    code: 'weight-invalid',
    severity: 'error',
    message:
      'routes whose duration is not above 0: correct the arrival of their shortest flight, or give the route a duration',
    found: ({ weight }, edge) => !(weight[edge]! > 0 && Number.isFinite(weight[edge])),
  },
  {
    code: 'edge-to-unknown-stop',
    severity: 'error',
    message: 'routes begin or end at a stop that does not exist',
    found: ({ from, to }, edge) => from[edge] === UNKNOWN_STOP || to[edge] === UNKNOWN_STOP,
  },
  {
    code: 'self-loop',
    severity: 'warning',
    message: 'routes end where they begin',
    found: ({ from, to }, edge) => from[edge] === to[edge] && from[edge] !== UNKNOWN_STOP,
  },
  {
    code: 'implausible-speed',
    severity: 'warning',
    message: `routes are faster than ${FASTEST_KMH} km/h or slower than ${SLOWEST_KMH} km/h between their stops`,
    found: isImplausiblyFastOrSlow,
  },
];

/** Finds the issues that concern single edges, in one pass. */
export function edgeIssues(graph: TransportGraph): GraphIssue[] {
  const issues = CHECKS.map(({ code, severity, message, found }) => {
    const issue: GraphIssue = { code, severity, count: 0, message, samples: [] };
    for (let edge = 0; edge < graph.routes.length; edge++) {
      if (!found(graph, edge)) continue;
      issue.count += 1;
      if (issue.samples.length < MAX_SAMPLES) issue.samples.push(sampleOf(graph, edge));
    }
    return issue;
  });
  return [...issues, parallelEdges(graph)].filter(({ count }) => count > 0);
}

function sampleOf({ routes }: TransportGraph, edge: number): Record<string, unknown> {
  const { id, fromStopId, toStopId, weight } = routes[edge]!;
  return { routeId: id, fromStopId, toStopId, weight };
}

function isImplausiblyFastOrSlow({ stops, from, to, weight }: TransportGraph, edge: number): boolean {
  const [a, b] = [placeOf(stops[from[edge]!]), placeOf(stops[to[edge]!])];
  if (a === null || b === null || !(weight[edge]! > 0)) return false;
  const km = haversineKm(a, b);
  const kmh = km / (weight[edge]! / 60);
  return km > SHORT_KM && (kmh > FASTEST_KMH || kmh < SLOWEST_KMH);
}

export function placeOf(stop: StopRow | undefined): Place | null {
  if (stop === undefined || stop.latitude === null || stop.longitude === null) return null;
  if (stop.latitude === 0 && stop.longitude === 0) return null;
  return { latitude: stop.latitude, longitude: stop.longitude };
}

/** Two routes between the same stops are legal (a bus and a plane), but different weights are worth a look. */
function parallelEdges(graph: TransportGraph): GraphIssue {
  const issue: GraphIssue = {
    code: 'parallel-edges',
    severity: 'warning',
    count: 0,
    message: 'routes join the same two stops as another one does, with another duration',
    samples: [],
  };
  // The first edge of the current node to each target.
  const first = new Map<number, number>();
  for (let node = 0; node < graph.stops.length; node++) {
    first.clear();
    for (let at = graph.firstOutgoing[node]!; at < graph.firstOutgoing[node + 1]!; at++) {
      const edge = graph.outgoing[at]!;
      const other = first.get(graph.to[edge]!);
      if (other === undefined) first.set(graph.to[edge]!, edge);
      else if (graph.weight[edge] !== graph.weight[other]) {
        issue.count += 1;
        if (issue.samples.length < MAX_SAMPLES) {
          issue.samples.push({ ...sampleOf(graph, edge), otherRouteId: graph.routes[other]!.id });
        }
      }
    }
  }
  return issue;
}
