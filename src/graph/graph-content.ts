import { createHash } from 'node:crypto';
import type { GraphNode, TransportGraph } from './transport-graph.ts';
import type { StopRow } from './graph-rows.ts';

/** The graph as it is stored: `nodes[i]` and `neighbors[i]` are the JSON texts of stop `stopIds[i]`. */
export interface GraphContent {
  stopIds: string[];
  nodes: string[];
  neighbors: string[];
  edges: number;
  /** Over all ids and texts in order: the same graph has the same sum. */
  sha256: string;
}

/** Serialises a valid graph. Fields that a stop or route does not have are left out, as the spec's types say. */
export function graphContent(graph: TransportGraph): GraphContent {
  const stopIds = graph.stops.map(({ id }) => id);
  const nodes = graph.stops.map((stop) => JSON.stringify(nodeOf(stop)));
  const neighbors = neighborTexts(graph);
  const sha256 = contentSum({ stopIds, nodes, neighbors });
  return { stopIds, nodes, neighbors, edges: graph.outgoing.length, sha256 };
}

/** The content's SHA-256, of what was built or of what was read back. */
export function contentSum({
  stopIds,
  nodes,
  neighbors,
}: Pick<GraphContent, 'stopIds' | 'nodes' | 'neighbors'>): string {
  const hash = createHash('sha256');
  for (let i = 0; i < stopIds.length; i++) hash.update(`${JSON.stringify(stopIds[i])}\n${nodes[i]}\n${neighbors[i]}\n`);
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

/** Put together from parts: an object per edge for JSON.stringify takes three times as long at 100,000 edges. */
function neighborTexts({ stops, routes, weight, to, firstOutgoing, outgoing }: TransportGraph): string[] {
  const quoted = stops.map(({ id }) => JSON.stringify(id));
  const types = new Map<string, string>();
  const typeText = (type: string): string => {
    const known = types.get(type) ?? `,"transportType":${JSON.stringify(type)}`;
    types.set(type, known);
    return known;
  };
  return stops.map((_, node) => {
    const head = `{"fromStopId":${quoted[node]},"toStopId":`;
    let text = '[';
    for (let at = firstOutgoing[node]!; at < firstOutgoing[node + 1]!; at++) {
      const edge = outgoing[at]!;
      const { id, distance, transportType } = routes[edge]!;
      if (text.length > 1) text += ',';
      text += `${head}${quoted[to[edge]!]},"weight":${weight[edge]}`;
      if (distance !== null && Number.isFinite(distance)) text += `,"distance":${distance}`;
      if (transportType !== null) text += typeText(transportType);
      text += `,"routeId":${JSON.stringify(id)}}`;
    }
    return `${text}]`;
  });
}
