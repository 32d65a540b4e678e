import { type Components, strongComponents, weakComponents } from '../../../graph/components.ts';
import { type TransportGraph, buildTransportGraph, byCodeUnits } from '../../../graph/transport-graph.ts';
import type { RealStop, Terminal, VirtualRoute } from './virtual-plan.ts';
import { pairOf, virtualRoute } from './virtual-route.ts';

interface JoinInput {
  realStops: RealStop[];
  realRoutes: { fromStopId: string; toStopId: string }[];
  virtual: Terminal[];
  routes: VirtualRoute[];
  /** The terminal to which all parts are joined; null: the busiest stop of the largest part. */
  anchor: Terminal | null;
  terminalOf(stop: RealStop): Terminal | null;
  settings: { speedKmh: number; oneWayStops: 'error' | 'warning' };
}

interface Joined {
  routes: VirtualRoute[];
  warnings: string[];
}

/**
 * Makes a pair of routes between the anchor and the busiest stop of each part of the network that has no way to the anchor. Then, unless
 * one-way stops may stay, it adds the single routes without which some stop could be reached and not left, or left and not reached.
 */
export function joinComponents(input: JoinInput): Joined {
  const apart = joinApart(input);
  if (input.settings.oneWayStops === 'warning') return apart;
  const oneWay = joinOneWay({ ...input, routes: [...input.routes, ...apart.routes] });
  return { routes: [...apart.routes, ...oneWay.routes], warnings: [...apart.warnings, ...oneWay.warnings] };
}

function joinApart(input: JoinInput): Joined {
  const graph = graphOf(input);
  const parts = idsOf(graph, weakComponents(graph));
  const result: Joined = { routes: [], warnings: [] };
  if (parts.length < 2) return result;
  const find = terminalFinder(input);
  const anchor = input.anchor ?? find(parts[0]!);
  for (const part of parts) {
    if (anchor === null || part.includes(anchor.stopId)) continue;
    const terminal = find(part);
    if (terminal === null) result.warnings.push(`${describe(part, input)} have no way to the rest, and ${UNPLACED}`);
    else result.routes.push(...pairOf(anchor, terminal, input.settings.speedKmh));
  }
  return result;
}

/**
 * Parts in which every stop reaches every other form a graph without circles. When the anchor has a route to each part that no route enters,
 * and each part that no route leaves has one to the anchor, every stop reaches every other.
 */
function joinOneWay(input: JoinInput): Joined {
  const graph = graphOf(input);
  const components = strongComponents(graph);
  const result: Joined = { routes: [], warnings: [] };
  if (components.length < 2) return result;
  const parts = idsOf(graph, components);
  const find = terminalFinder(input);
  const anchor = input.anchor ?? find(parts[0]!);
  if (anchor === null) return result;
  const { speedKmh } = input.settings;
  for (const { part, entered, left } of oneWayParts(graph, components)) {
    const stops = parts[part]!;
    // What has no way at all was joined or told of before.
    if (entered === left || stops.includes(anchor.stopId)) continue;
    const terminal = find(stops);
    if (terminal === null) {
      const how = entered ? 'reached and not left' : 'left and not reached';
      result.warnings.push(`${describe(stops, input)} can be ${how}, and ${UNPLACED}`);
      continue;
    }
    if (!entered) result.routes.push(virtualRoute(anchor, terminal, speedKmh));
    if (!left) result.routes.push(virtualRoute(terminal, anchor, speedKmh));
  }
  return result;
}

function oneWayParts(
  { stops, from, to }: TransportGraph,
  components: Components,
): { part: number; entered: boolean; left: boolean }[] {
  const partOf = new Int32Array(stops.length);
  for (const [part, nodes] of components.entries()) for (const node of nodes) partOf[node] = part;
  const found = components.map((_, part) => ({ part, entered: false, left: false }));
  for (const [edge, source] of from.entries()) {
    const [a, b] = [partOf[source], partOf[to[edge]!]];
    if (a === undefined || b === undefined || a === b) continue;
    found[a]!.left = true;
    found[b]!.entered = true;
  }
  return found;
}

function graphOf({ realStops, realRoutes, virtual, routes }: JoinInput): TransportGraph {
  const ids = new Set([...realStops.map(({ id }) => id), ...virtual.map(({ stopId }) => stopId)]);
  const edges = [...realRoutes, ...routes];
  return buildTransportGraph({
    stops: [...ids].map((id) => ({ id, name: id, cityName: null, latitude: null, longitude: null, virtual: false })),
    routes: edges.map(({ fromStopId, toStopId }, i) => ({
      id: String(i),
      fromStopId,
      toStopId,
      weight: 1,
      distance: null,
      transportType: null,
    })),
  });
}

const idsOf = ({ stops }: TransportGraph, components: Components): string[][] =>
  components.map((nodes) => nodes.map((node) => stops[node]!.id));

const UNPLACED = 'nobody knows where they are';

function describe(part: string[], { realStops }: JoinInput): string {
  const name = realStops.find(({ id }) => id === part[0])?.name ?? part[0]!;
  return `${part.length} stops around “${name}”`;
}

/** Finds the busiest stop of a part whose place is known. */
function terminalFinder({ realStops, virtual, terminalOf }: JoinInput): (part: string[]) => Terminal | null {
  const byId = new Map(realStops.map((stop) => [stop.id, stop]));
  return (part) => {
    const stops = part.map((id) => byId.get(id)).filter((stop) => stop !== undefined);
    for (const stop of stops.toSorted((a, b) => b.flights - a.flights || byCodeUnits(a.id, b.id))) {
      const terminal = terminalOf(stop);
      if (terminal !== null) return terminal;
    }
    return virtual.find(({ stopId }) => part.includes(stopId)) ?? null;
  };
}
