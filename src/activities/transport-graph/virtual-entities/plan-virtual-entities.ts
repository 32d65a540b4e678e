import { Failure } from '../../../errors.ts';
import { byCodeUnits } from '../../../graph/transport-graph.ts';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { CitiesDirectory, City } from './cities-directory.ts';
import { joinComponents } from './join-components.ts';
import { normalizeCityName } from './normalize-city-name.ts';
import type { RealStop, Terminal, VirtualPlan, VirtualRoute, VirtualStop } from './virtual-plan.ts';
import { pairOf } from './virtual-route.ts';

export interface PlanInput {
  directory: CitiesDirectory;
  realStops: RealStop[];
  realRoutes: { fromStopId: string; toStopId: string }[];
  /** Stops that virtual routes already lead to and from: a hub that is in use stays the hub. */
  virtualEnds: ReadonlyMap<string, number>;
  settings: Pick<TransportGraphSettings, 'strategy' | 'hubCity' | 'maxVirtualRoutes' | 'speedKmh'>;
}

/**
 * What has to exist so that every city of the directory can be reached: a stop for each city without a real one, routes to the hub and
 * back (or between all of them), and a pair for each real part of the network that has no way to the hub.
 * Errors: TooManyVirtualRoutes.
 */
export function planVirtualEntities(input: PlanInput): VirtualPlan {
  const { directory, settings } = input;
  const places = new Map<string, City>();
  for (const city of directory.cities) {
    for (const name of [city.normalizedName, ...city.aliases.map(normalizeCityName)]) places.set(name, city);
  }
  const cityOf = (name: string | null): City | null =>
    name === null ? null : (places.get(normalizeCityName(name)) ?? null);
  const served = new Set(input.realStops.map(({ cityName }) => cityOf(cityName)));
  const missing = directory.cities.filter((city) => !served.has(city));
  const virtual = missing.map((city) => ({ city, terminal: virtualTerminal(city) }));

  const hub = hubOf(input, virtual, cityOf);
  const strategy = settings.strategy === 'hub' && hub !== null ? 'hub' : 'direct';
  const terminals = virtual.map(({ terminal }) => terminal);
  const count = strategy === 'hub' ? terminals.length * 2 : terminals.length * (terminals.length - 1);
  if (count > settings.maxVirtualRoutes) refuse(count, settings.maxVirtualRoutes);
  const routes = strategy === 'hub' ? spokes(hub!, terminals, settings.speedKmh) : mesh(terminals, settings.speedKmh);

  const terminalOf = (stop: RealStop): Terminal | null => realTerminal(stop, cityOf(stop.cityName), directory);
  const joined = joinComponents({
    ...input,
    virtual: terminals,
    routes,
    anchor: hub ?? terminals[0] ?? null,
    terminalOf,
  });
  const all = [...routes, ...joined.routes];
  if (all.length > settings.maxVirtualRoutes) refuse(all.length, settings.maxVirtualRoutes);
  return {
    strategy,
    hubStopId: hub?.stopId ?? null,
    stops: missing.map(toStop),
    routes: all.sort((a, b) => byCodeUnits(a.id, b.id)),
    warnings: joined.warnings,
  };
}

function refuse(count: number, cap: number): never {
  throw new Failure(
    'TooManyVirtualRoutes',
    `Connecting the missing cities takes ${count} virtual routes and ${cap} are allowed (transport_graph.virtual.max_routes). Raise it, or use the hub strategy.`,
  );
}

/** The hub's own virtual stop, or of its real stops the one that virtual routes use already, else the busiest; null when there is none. */
function hubOf(
  { settings, realStops, virtualEnds, directory }: PlanInput,
  virtual: { city: City; terminal: Terminal }[],
  cityOf: (name: string | null) => City | null,
): Terminal | null {
  const wanted = normalizeCityName(settings.hubCity);
  const city = cityOf(settings.hubCity);
  const own = virtual.find((each) => each.city === city && city !== null);
  if (own) return own.terminal;
  const stops = realStops
    .filter(
      ({ cityName }) =>
        cityName !== null && (city === null ? normalizeCityName(cityName) === wanted : cityOf(cityName) === city),
    )
    .toSorted(
      (a, b) =>
        (virtualEnds.get(b.id) ?? 0) - (virtualEnds.get(a.id) ?? 0) || b.flights - a.flights || byCodeUnits(a.id, b.id),
    );
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

/** null when nobody knows where it is. A stop outside the directory's cities keeps the clock of the first of them. */
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

function spokes(hub: Terminal, terminals: Terminal[], speedKmh: number): VirtualRoute[] {
  return terminals.filter(({ stopId }) => stopId !== hub.stopId).flatMap((terminal) => pairOf(hub, terminal, speedKmh));
}

function mesh(terminals: Terminal[], speedKmh: number): VirtualRoute[] {
  return terminals.flatMap((a, i) => terminals.slice(i + 1).flatMap((b) => pairOf(a, b, speedKmh)));
}
