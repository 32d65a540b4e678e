/** Rows of the three sets, under the names of the default mapping. */
export interface TransportNetwork {
  Stops: Row[];
  Routes: Row[];
  Flights: Row[];
}
type Row = Record<string, unknown>;

/** Cities with a bus. Each other city of the directory gets a virtual stop. */
const SERVED: [city: string, latitude: number, longitude: number, minutesFromHub: number][] = [
  ['Покровск', 61.48, 129.15, 80],
  ['Вилюйск', 63.75, 121.63, 660],
  ['Нюрба', 63.28, 118.34, 900],
  ['Мирный', 62.54, 113.96, 1_080],
  ['Ленск', 60.72, 114.93, 1_200],
  ['Алдан', 58.61, 125.39, 540],
  ['Нерюнгри', 56.66, 124.72, 800],
];
const HUB = 'Якутск';
const LINES = 6;
const STOPS_OF_A_LINE = 20;
const DAYS = 7;
const DEPARTURES = ['07:30', '12:00', '17:30'];
const MINUTES_BETWEEN_STOPS = 3;

/** Generates a town with six bus lines from one terminal, and coaches to seven other towns, for a week. One day always gives the same rows. */
export function transportNetwork(today = new Date()): TransportNetwork {
  const terminal = stop('terminal', 'Автовокзал', HUB, 62.04, 129.75);
  const town = Array.from({ length: LINES }, (_, line) => lineStops(line)).flat();
  const others = SERVED.map(([city, latitude, longitude], n) =>
    stop(`city-${n}`, `Автостанция ${city}`, city, latitude, longitude),
  );
  const lines = Array.from({ length: LINES }, (_, line) => lineRoutes(line)).flat();
  const coaches = SERVED.flatMap(([city, , , minutes], n) => bothWays('terminal', `city-${n}`, city, minutes));
  const Routes = [...lines, ...coaches];
  return { Stops: [terminal, ...town, ...others], Routes, Flights: Routes.flatMap((route) => flights(route, today)) };
}

const stop = (id: string, name: string, city: string, latitude: number, longitude: number): Row => ({
  Id: id,
  Name: name,
  CityName: city,
  Latitude: latitude,
  Longitude: longitude,
});

/** The stops of a line, which leads from the terminal in its own direction. */
function lineStops(line: number): Row[] {
  const angle = (2 * Math.PI * line) / LINES;
  return Array.from({ length: STOPS_OF_A_LINE }, (_, n) =>
    stop(
      stopId(line, n),
      `Линия ${line + 1}, остановка ${n + 1}`,
      HUB,
      62.04 + 0.004 * (n + 1) * Math.cos(angle),
      129.75 + 0.008 * (n + 1) * Math.sin(angle),
    ),
  );
}

const stopId = (line: number, n: number): string => (n < 0 ? 'terminal' : `line-${line + 1}-${n + 1}`);

const lineRoutes = (line: number): Row[] =>
  Array.from({ length: STOPS_OF_A_LINE }, (_, n) =>
    bothWays(stopId(line, n - 1), stopId(line, n), `Линия ${line + 1}`, MINUTES_BETWEEN_STOPS),
  ).flat();

const bothWays = (from: string, to: string, name: string, minutes: number): Row[] => [
  route(from, to, name, minutes),
  route(to, from, name, minutes),
];

const route = (from: string, to: string, name: string, minutes: number): Row => ({
  Id: `${from}>${to}`,
  Name: name,
  FromStopId: from,
  ToStopId: to,
  TransportType: 'BUS',
  DurationMinutes: minutes,
  DistanceKm: minutes,
  FareRub: minutes < 60 ? 40 : 10 * minutes,
});

function flights({ Id, FromStopId, ToStopId, DurationMinutes }: Row, today: Date): Row[] {
  const minutes = Number(DurationMinutes);
  const day = (n: number): string => new Date(today.getTime() + n * 86_400_000).toISOString().slice(0, 10);
  return Array.from({ length: DAYS }, (_, n) =>
    DEPARTURES.map((clock) => {
      const departure = new Date(`${day(n + 1)}T${clock}:00+09:00`);
      return {
        Id: `${String(Id)}@${departure.toISOString()}`,
        RouteId: Id,
        FromStopId,
        ToStopId,
        DepartureAt: departure.toISOString(),
        ArrivalAt: new Date(departure.getTime() + minutes * 60_000).toISOString(),
        AvailableSeats: 40,
      };
    }),
  ).flat();
}
