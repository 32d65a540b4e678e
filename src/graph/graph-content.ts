import { createHash } from 'node:crypto';
import type { GraphNode, TransportGraph } from './transport-graph.ts';
import type { StopRow } from './graph-rows.ts';

/** The graph as it is stored: `nodes[i]` and `neighbors[i]` are the JSON texts of stop `stopIds[i]`. */
export interface GraphContent {
  stopIds: string[];
  nodes: string[];
  neighbors: string[];
  edges: number;
  /** SHA-256 over all ids and texts in order. Equal graphs have equal sums. */
  sha256: string;
}

/** Serialises a valid graph. Fields that a stop or route does not have are left out, as in the spec's types. */
export function graphContent(graph: TransportGraph): GraphContent {
  const stopIds = graph.stops.map(({ id }) => id);
  const nodes = graph.stops.map((stop) => JSON.stringify(nodeOf(stop)));
  const neighbors = neighborTexts(graph);
  const sha256 = contentSum({ stopIds, nodes, neighbors });
  return { stopIds, nodes, neighbors, edges: graph.outgoing.length, sha256 };
}

/** SHA-256 of the content, whether it was built or read back. */
export function contentSum({
  stopIds,
  nodes,
  neighbors,
}: Pick<GraphContent, 'stopIds' | 'nodes' | 'neighbors'>): string {
  const hash = createHash('sha256');
  for (let i = 0; i < stopIds.length; i++) {
    // The long text by itself: in front of others it would be copied first.
    hash
      .update(`${quoted(stopIds[i]!)}\n${nodes[i]}\n`)
      .update(neighbors[i]!)
      .update('\n');
  }
  return hash.digest('hex');
}

function nodeOf({ id, name, latitude, longitude, cityName }: StopRow): GraphNode {
  return {
    stopId: id,
    stopName: name,
    ...(latitude === null ? {} : { latitude }),
    ...(longitude === null ? {} : { longitude }),
    ...(cityName === null ? {} : { cityName }),
  };
}

/** The texts are as JSON.stringify makes them of an array of GraphEdge, in half of its time: what an edge shares with others is written once. */
function neighborTexts({ stops, routes, weight, to, firstOutgoing, outgoing }: TransportGraph): string[] {
  const quotedStops = stops.map(({ id }) => quoted(id));
  const toFields = quotedStops.map((id) => `${id},"weight":`);
  const typeField = memoized((type: string) => `,"transportType":${quoted(type)}`);
  return quotedStops.map((id, node) => {
    const from = `{"fromStopId":${id},"toStopId":`;
    const parts: (string | number)[] = [];
    for (let at = firstOutgoing[node]!; at < firstOutgoing[node + 1]!; at++) {
      const edge = outgoing[at]!;
      const { id: routeId, distance, transportType } = routes[edge]!;
      parts.push(at === firstOutgoing[node] ? '[' : ',', from, toFields[to[edge]!]!, weight[edge]!);
      if (distance !== null && Number.isFinite(distance)) parts.push(',"distance":', distance);
      if (transportType !== null) parts.push(typeField(transportType));
      parts.push(',"routeId":', quoted(routeId), '}');
    }
    // One join per stop: a text that grows edge by edge is put together anew when it is hashed.
    return parts.length === 0 ? '[]' : `${parts.join('')}]`;
  });
}

function memoized(compute: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const found = known.get(text) ?? compute(text);
    known.set(text, found);
    return found;
  };
}

/** As JSON.stringify, which needs four times as long for an id that nothing has to be escaped in. */
const quoted = (id: string): string => (PLAIN.test(id) ? `"${id}"` : JSON.stringify(id));
const PLAIN = /^[A-Za-z0-9:._/-]*$/;
