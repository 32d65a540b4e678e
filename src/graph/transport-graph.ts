import type { GraphRows, RouteRow, StopRow } from './graph-rows.ts';

/** The spec's node, as stored under `graph:{version}:node:{stopId}`. */
export interface GraphNode {
  stopId: string;
  stopName: string;
  latitude?: number;
  longitude?: number;
  cityName?: string;
}

/** The spec's edge, as an element of the array under `graph:{version}:neighbors:{stopId}`. */
export interface GraphEdge {
  fromStopId: string;
  toStopId: string;
  /** Minutes. */
  weight: number;
  /** Kilometres. */
  distance?: number;
  transportType?: string;
  routeId?: string;
}

/**
 * A directed graph over typed arrays: node i is `stops[i]`, edge e is `routes[e]`. An edge to a stop that does not exist keeps the
 * index UNKNOWN_STOP, so that the validation can name it.
 */
export interface TransportGraph {
  stops: readonly StopRow[];
  routes: readonly RouteRow[];
  from: Int32Array;
  to: Int32Array;
  /** Minutes; NaN where the route has neither flights nor a duration. */
  weight: Float64Array;
  /** Edges of node i: `outgoing[firstOutgoing[i]]` up to `outgoing[firstOutgoing[i + 1] - 1]`, in the order of the routes. */
  firstOutgoing: Int32Array;
  outgoing: Int32Array;
  /** Ids that more than one stop has. The first stop with such an id becomes the node. */
  duplicateStopIds: string[];
}

export const UNKNOWN_STOP = -1;

/** Sorts stops and routes by id in code units, so that the same rows give the same graph whatever order they came in. */
export function buildTransportGraph(rows: Pick<GraphRows, 'stops' | 'routes'>): TransportGraph {
  const { stops, index, duplicateStopIds } = indexStops(rows.stops);
  const routes = rows.routes.toSorted((a, b) => byCodeUnits(a.id, b.id));
  const from = new Int32Array(routes.length);
  const to = new Int32Array(routes.length);
  const weight = new Float64Array(routes.length);
  for (const [edge, route] of routes.entries()) {
    from[edge] = index.get(route.fromStopId) ?? UNKNOWN_STOP;
    to[edge] = index.get(route.toStopId) ?? UNKNOWN_STOP;
    weight[edge] = route.weight ?? Number.NaN;
  }
  return { stops, routes, from, to, weight, duplicateStopIds, ...groupBySource(from, stops.length) };
}

export function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function indexStops(rows: readonly StopRow[]): {
  stops: StopRow[];
  index: Map<string, number>;
  duplicateStopIds: string[];
} {
  const index = new Map<string, number>();
  const stops: StopRow[] = [];
  const duplicates = new Set<string>();
  for (const stop of rows.toSorted((a, b) => byCodeUnits(a.id, b.id))) {
    if (index.has(stop.id)) duplicates.add(stop.id);
    else index.set(stop.id, stops.push(stop) - 1);
  }
  return { stops, index, duplicateStopIds: [...duplicates] };
}

/** Sorts the edges by their source with a counting sort, which needs two passes and no arrays of arrays. */
function groupBySource(from: Int32Array, nodes: number): { firstOutgoing: Int32Array; outgoing: Int32Array } {
  const firstOutgoing = new Int32Array(nodes + 1);
  let known = 0;
  for (const node of from) {
    if (node === UNKNOWN_STOP) continue;
    firstOutgoing[node + 1]! += 1;
    known += 1;
  }
  for (let node = 0; node < nodes; node++) firstOutgoing[node + 1]! += firstOutgoing[node]!;
  const next = firstOutgoing.slice(0, nodes);
  const outgoing = new Int32Array(known);
  for (const [edge, node] of from.entries()) {
    if (node !== UNKNOWN_STOP) outgoing[next[node]!++] = edge;
  }
  return { firstOutgoing, outgoing };
}
