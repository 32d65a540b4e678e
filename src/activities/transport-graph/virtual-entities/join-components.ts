import { weakComponents } from '../../../graph/components.ts';
import { buildTransportGraph, byCodeUnits } from '../../../graph/transport-graph.ts';
import type { RealStop, Terminal, VirtualRoute } from './virtual-plan.ts';
import { pairOf } from './virtual-route.ts';

interface JoinInput {
  realStops: RealStop[];
  realRoutes: { fromStopId: string; toStopId: string }[];
  virtual: Terminal[];
  routes: VirtualRoute[];
  /** Where everything is joined to; null: the busiest stop of the largest part. */
  anchor: Terminal | null;
  terminalOf(stop: RealStop): Terminal | null;
  settings: { speedKmh: number };
}

/** A pair of routes between the anchor and the busiest stop of each part of the network that has no way to it. */
export function joinComponents(input: JoinInput): { routes: VirtualRoute[]; warnings: string[] } {
  const byId = new Map(input.realStops.map((stop) => [stop.id, stop]));
  const ids = [...byId.keys(), ...input.virtual.map(({ stopId }) => stopId)];
  const edges = [...input.realRoutes, ...input.routes];
  const graph = buildTransportGraph({
    stops: ids.map((id) => ({ id, name: id, cityName: null, latitude: null, longitude: null, virtual: false })),
    routes: edges.map(({ fromStopId, toStopId }, i) => ({
      id: String(i),
      fromStopId,
      toStopId,
      weight: 1,
      distance: null,
      transportType: null,
    })),
  });
  const parts = weakComponents(graph).map((nodes) => nodes.map((node) => graph.stops[node]!.id));
  const result: { routes: VirtualRoute[]; warnings: string[] } = { routes: [], warnings: [] };
  if (parts.length < 2) return result;
  const anchor = input.anchor ?? busiest(parts[0]!, byId, input);
  for (const part of parts) {
    if (anchor === null || part.includes(anchor.stopId)) continue;
    const terminal = busiest(part, byId, input);
    if (terminal === null) {
      const name = byId.get(part[0]!)?.name ?? part[0]!;
      result.warnings.push(
        `${part.length} stops around “${name}” have no way to the rest, and nobody knows where they are`,
      );
    } else result.routes.push(...pairOf(anchor, terminal, input.settings.speedKmh));
  }
  return result;
}

function busiest(part: string[], byId: Map<string, RealStop>, { virtual, terminalOf }: JoinInput): Terminal | null {
  const stops = part.map((id) => byId.get(id)).filter((stop) => stop !== undefined);
  for (const stop of stops.toSorted((a, b) => b.flights - a.flights || byCodeUnits(a.id, b.id))) {
    const terminal = terminalOf(stop);
    if (terminal !== null) return terminal;
  }
  return virtual.find(({ stopId }) => part.includes(stopId)) ?? null;
}
