import { createRequire } from 'node:module';
import { haversineKm } from '../../src/graph/haversine.ts';

// Lines and stations of Berlin and Brandenburg, computed by others from the GTFS feed of VBB (Verkehrsverbund Berlin-Brandenburg, CC BY):
// the packages vbb-lines and vbb-stations. They say which stations follow one another, and where they are; how long it takes is estimated.

interface Line {
  name: string;
  product: string;
  variants: { stops: string[] }[];
}
interface Station {
  name: string;
  location: { latitude: number; longitude: number };
}
type Row = Record<string, unknown>;

export interface Feed {
  Stops: Row[];
  Routes: Row[];
  Flights: Row[];
}

const KMH = 30;

const require = createRequire(import.meta.url);

/** Platforms belong to a station: de:11000:900160004:2:53 is one of de:11000:900160004. */
const stationOf = (stop: string): string => /^[a-z]{2}:\d+:\d+/.exec(stop)?.[0] ?? stop;

/** The feed in OData form, under the names of the default mapping: a route for each two stations that follow one another on a line. */
export function berlinFeed(): Feed {
  const stations = new Map<string, Station>();
  for (const [id, station] of Object.entries(require('vbb-stations/full.json') as Record<string, Station>)) {
    // A platform stands for its station only where that has no row of its own.
    if (id === stationOf(id) || !stations.has(stationOf(id))) stations.set(stationOf(id), station);
  }
  const stops = new Map<string, Row>();
  const routes = new Map<string, Row>();
  for (const line of require('vbb-lines/data.json') as Line[]) {
    for (const variant of line.variants) {
      const path = variant.stops.map(stationOf);
      for (const [i, id] of path.entries()) {
        stops.set(id, stopRow(id, stations.get(id)));
        const from = path[i - 1];
        if (from === undefined || from === id || routes.has(`${from}>${id}`)) continue;
        routes.set(`${from}>${id}`, routeRow(from, id, line, stations));
      }
    }
  }
  return { Stops: [...stops.values()], Routes: [...routes.values()], Flights: [] };
}

/** “S Nordbahnhof (Berlin)”. */
function stopRow(id: string, station: Station | undefined): Row {
  const { name = id, location } = station ?? {};
  return {
    Id: id,
    Name: name,
    CityName: /\(([^()]+)\)$/.exec(name)?.[1] ?? null,
    Latitude: location?.latitude ?? null,
    Longitude: location?.longitude ?? null,
  };
}

function routeRow(from: string, to: string, { name, product }: Line, stations: Map<string, Station>): Row {
  const [a, b] = [stations.get(from), stations.get(to)];
  const km = a && b ? haversineKm(a.location, b.location) : null;
  return {
    Id: `${from}>${to}`,
    Name: name,
    FromStopId: from,
    ToStopId: to,
    TransportType: product.toUpperCase(),
    DurationMinutes: km === null ? 2 : Math.max(1, Math.ceil((km / KMH) * 60)),
    DistanceKm: km,
    FareRub: null,
  };
}
