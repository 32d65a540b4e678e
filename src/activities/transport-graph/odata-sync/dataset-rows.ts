/** Rows as the source has them, in our terms; times as milliseconds since 1970, texts in NFC. */
export interface StopRow {
  id: string;
  name: string;
  cityName: string | null;
  latitude: number | null;
  longitude: number | null;
}

export interface RouteRow {
  id: string;
  name: string;
  fromStopId: string;
  toStopId: string;
  transportType: string;
  durationMinutes: number | null;
  distanceKm: number | null;
  fareRub: number | null;
}

export interface FlightRow {
  id: string;
  routeId: string;
  fromStopId: string;
  toStopId: string;
  departureAt: number;
  arrivalAt: number;
  availableSeats: number;
}

export interface DatasetRows {
  stops: StopRow[];
  routes: RouteRow[];
  flights: FlightRow[];
}

/** What the spec gives a flight whose source does not say. */
export const DEFAULT_SEATS = 50;
export const DEFAULT_TRANSPORT_TYPE = 'BUS';
