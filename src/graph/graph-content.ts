import { createHash } from 'node:crypto';
import type { GraphEdge, GraphNode, TransportGraph } from './transport-graph.ts';
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
      .update(`${quotedId(stopIds[i]!)}\n${nodes[i]}\n`)
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

/** Serialises a stop at a time: a text that is put together edge by edge has to be flattened before it can be hashed, which takes longer. */
function neighborTexts({ stops, routes, weight, to, firstOutgoing, outgoing }: TransportGraph): string[] {
  return stops.map((stop, node) => {
    const edges = outgoing.subarray(firstOutgoing[node]!, firstOutgoing[node + 1]!);
    const neighbors = Array.from(edges, (edge): GraphEdge => {
      const { id, distance, transportType } = routes[edge]!;
      return {
        fromStopId: stop.id,
        toStopId: stops[to[edge]!]!.id,
        weight: weight[edge]!,
        ...(distance !== null && Number.isFinite(distance) ? { distance } : {}),
        ...(transportType === null ? {} : { transportType }),
        routeId: id,
      };
    });
    return JSON.stringify(neighbors);
  });
}

/** As JSON.stringify, which needs four times as long for an id that nothing has to be escaped in. */
const quotedId = (id: string): string => (PLAIN.test(id) ? `"${id}"` : JSON.stringify(id));
const PLAIN = /^[A-Za-z0-9:._/-]*$/;
