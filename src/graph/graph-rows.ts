/** A stop as read from `stops` or `virtual_stops`. */
export interface StopRow {
  id: string;
  name: string;
  cityName: string | null;
  latitude: number | null;
  longitude: number | null;
  virtual: boolean;
}

/** One route with the weight that SQL found for it: the shortest flight in minutes, else the route's own duration; null without either. */
export interface RouteRow {
  id: string;
  fromStopId: string;
  toStopId: string;
  weight: number | null;
  /** Kilometres. */
  distance: number | null;
  transportType: string | null;
}

/** What a graph is built from, of one snapshot of the database. */
export interface GraphRows {
  stops: StopRow[];
  routes: RouteRow[];
  /** Flights whose route is in neither table. */
  orphanFlights: number;
  /** Of the last departure; null without flights. */
  horizonDays: number | null;
}
