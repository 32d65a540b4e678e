/** A stop as read from `stops` or `virtual_stops`. */
export interface StopRow {
  id: string;
  name: string;
  cityName: string | null;
  latitude: number | null;
  longitude: number | null;
  virtual: boolean;
}

/**
 * One route with its weight in minutes, as SQL computed it by the rule of edge-weight.ts. The weight is null when the route has neither a
 * flight nor a duration.
 */
export interface RouteRow {
  id: string;
  fromStopId: string;
  toStopId: string;
  weight: number | null;
  /** Kilometres. */
  distance: number | null;
  transportType: string | null;
}

/** The rows from which a graph is built, all of one snapshot of the database. */
export interface GraphRows {
  stops: StopRow[];
  routes: RouteRow[];
  /** Flights whose route is in neither table. */
  orphanFlights: number;
  /** Days until the last departure; null without flights. */
  horizonDays: number | null;
}
