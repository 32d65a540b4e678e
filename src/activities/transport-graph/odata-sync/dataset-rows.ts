/** The source's rows in our terms. Times are milliseconds since 1970, texts are in NFC. */
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

/** The spec's number of seats for a flight whose source gives none. */
export const DEFAULT_SEATS = 50;
export const DEFAULT_TRANSPORT_TYPE = 'BUS';
