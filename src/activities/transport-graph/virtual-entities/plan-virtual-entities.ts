import { Failure } from '../../../errors.ts';
import { byCodeUnits } from '../../../graph/transport-graph.ts';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { CitiesDirectory, City } from './cities-directory.ts';
import { type TerminalPair, directMesh } from './direct-mesh.ts';
import { joinComponents } from './join-components.ts';
import { normalizeCityName } from './normalize-city-name.ts';
import type { RealStop, Terminal, VirtualPlan, VirtualRoute, VirtualStop } from './virtual-plan.ts';
import { pairOf } from './virtual-route.ts';

export interface PlanInput {
  directory: CitiesDirectory;
  realStops: RealStop[];
  realRoutes: { fromStopId: string; toStopId: string }[];
  /** Stops that were generated before. A hub that has virtual routes stays the hub. */
  virtualStopIds: string[];
  virtualRoutes: { fromStopId: string; toStopId: string }[];
  settings: Pick<TransportGraphSettings, 'strategy' | 'hubCity' | 'maxVirtualRoutes' | 'speedKmh' | 'oneWayStops'>;
}

/**
 * Plans what has to exist so that every city of the directory can be reached. Each city without a real stop gets a virtual one. Routes join
 * it to the hub and back, or join all cities directly, as many as the cap allows. A pair of routes joins each real part of the network that
 * has no way to the hub, and one route each part that lacks only the way there or back.
 * Errors: TooManyVirtualRoutes when the cap is too small for a connected network.
 */
export function planVirtualEntities(input: PlanInput): VirtualPlan {
  const { directory, settings } = input;
  const cityOf = cityFinder(directory);
  const served = new Set(input.realStops.map(({ cityName }) => cityOf(cityName)));
  const missing = directory.cities.filter((city) => !served.has(city));
  const virtual = missing.map((city) => ({ city, terminal: virtualTerminal(city) }));
  const terminals = virtual.map(({ terminal }) => terminal);
  const hub = hubOf(input, virtual, cityOf);
  const strategy = settings.strategy === 'hub' && hub !== null ? 'hub' : 'direct';

  const connect = (pairs: readonly TerminalPair[]): VirtualRoute[] =>
    pairs.flatMap(([a, b]) => pairOf(a, b, settings.speedKmh));
  // Any connected network of the virtual stops shows which parts of the source have no way to them.
  const fewest = connect(strategy === 'hub' ? spokes(hub!, terminals) : chain(terminals));
  const joined = joinComponents({
    ...input,
    virtual: terminals,
    routes: fewest,
    anchor: hub ?? terminals[0] ?? null,
    terminalOf: (stop) => realTerminal(stop, cityOf(stop.cityName), directory),
  });
  const needed = fewest.length + joined.routes.length;
  if (needed > settings.maxVirtualRoutes) refuse(needed, settings.maxVirtualRoutes);
  const mesh =
    strategy === 'hub' ? null : meshWithin(input, terminals, settings.maxVirtualRoutes - joined.routes.length);
  const routes = [...(mesh === null ? fewest : connect(mesh.pairs)), ...joined.routes];
  const planned = new Set(terminals.map(({ stopId }) => stopId));
  return {
    strategy,
    hubStopId: hub?.stopId ?? null,
    stops: missing.map(toStop),
    obsoleteStopIds: input.virtualStopIds.filter((id) => !planned.has(id)),
    routes: routes.sort((a, b) => byCodeUnits(a.id, b.id)),
    warnings: [...(mesh?.warnings ?? []), ...joined.warnings],
  };
}

function cityFinder({ cities }: CitiesDirectory): (name: string | null) => City | null {
  const places = new Map<string, City>();
  for (const city of cities) {
    for (const name of [city.normalizedName, ...city.aliases.map(normalizeCityName)]) places.set(name, city);
  }
  return (name) => (name === null ? null : (places.get(normalizeCityName(name)) ?? null));
}

/** Direct connections in at most `maxRoutes` routes, with a warning when some had to be left out. */
function meshWithin(
  { virtualRoutes, settings }: PlanInput,
  terminals: Terminal[],
  maxRoutes: number,
): { pairs: TerminalPair[]; warnings: string[] } {
  const known = new Set(virtualRoutes.map(({ fromStopId, toStopId }) => `${fromStopId} ${toStopId}`));
  const pairs = directMesh(terminals, Math.floor(maxRoutes / 2), ([a, b]) => known.has(`${a.stopId} ${b.stopId}`));
  const all = (terminals.length * (terminals.length - 1)) / 2;
  if (pairs.length === all) return { pairs, warnings: [] };
  const warning =
    `Direct connections between ${terminals.length} cities take ${all * 2} routes and transport_graph.virtual.max_routes ` +
    `is ${settings.maxVirtualRoutes}: a sparser mesh of ${pairs.length * 2} routes connects all of them`;
  return { pairs, warnings: [warning] };
}

function refuse(count: number, cap: number): never {
  throw new Failure(
    'TooManyVirtualRoutes',
    `Connecting the missing cities takes at least ${count} virtual routes and ${cap} are allowed (transport_graph.virtual.max_routes). Raise it.`,
  );
}

/** The hub's own virtual stop. Else, of its real stops, one that virtual routes use already, or the busiest one. null when there is none. */
function hubOf(
  { settings, realStops, virtualRoutes, directory }: PlanInput,
  virtual: { city: City; terminal: Terminal }[],
  cityOf: (name: string | null) => City | null,
): Terminal | null {
  const wanted = normalizeCityName(settings.hubCity);
  const city = cityOf(settings.hubCity);
  const own = virtual.find((each) => each.city === city && city !== null);
  if (own) return own.terminal;
  const inUse = ({ id }: RealStop): number => virtualRoutes.filter(({ fromStopId }) => fromStopId === id).length;
  const stops = realStops
    .filter(
      ({ cityName }) =>
        cityName !== null && (city === null ? normalizeCityName(cityName) === wanted : cityOf(cityName) === city),
    )
    .toSorted((a, b) => inUse(b) - inUse(a) || b.flights - a.flights || byCodeUnits(a.id, b.id));
  for (const stop of stops) {
    const terminal = realTerminal(stop, city, directory);
    if (terminal !== null) return terminal;
  }
  return null;
}

function virtualTerminal(city: City): Terminal {
  const { latitude, longitude, timeZone } = city;
  return { stopId: `virtual-stop-${city.normalizedName}`, cityName: city.name, latitude, longitude, timeZone };
}

/** null when the stop's place is unknown. A stop outside the directory's cities gets the time zone of the first city. */
function realTerminal(stop: RealStop, city: City | null, { cities }: CitiesDirectory): Terminal | null {
  const latitude = stop.latitude ?? city?.latitude;
  const longitude = stop.longitude ?? city?.longitude;
  if (latitude === undefined || longitude === undefined) return null;
  const cityName = city?.name ?? stop.cityName ?? stop.name;
  return { stopId: stop.id, cityName, latitude, longitude, timeZone: (city ?? cities[0]!).timeZone };
}

function toStop(city: City): VirtualStop {
  const { latitude, longitude, timeZone } = city;
  return {
    id: `virtual-stop-${city.normalizedName}`,
    name: `г. ${city.name}`,
    cityName: city.name,
    latitude,
    longitude,
    timeZone,
  };
}

function spokes(hub: Terminal, terminals: Terminal[]): TerminalPair[] {
  return terminals.filter(({ stopId }) => stopId !== hub.stopId).map((terminal) => [hub, terminal]);
}

/** Connects the terminals by the fewest pairs. */
function chain(terminals: Terminal[]): TerminalPair[] {
  return terminals.slice(1).map((terminal, i) => [terminals[i]!, terminal]);
}
