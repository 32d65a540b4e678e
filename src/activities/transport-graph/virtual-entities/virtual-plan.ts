import type { Place } from '../../../graph/haversine.ts';

/** A row of `virtual_stops`. */
export interface VirtualStop extends Place {
  id: string;
  name: string;
  cityName: string;
  timeZone: string;
}

/** A row of `virtual_routes`, with the zone of its departure times. */
export interface VirtualRoute {
  id: string;
  name: string;
  fromStopId: string;
  toStopId: string;
  durationMinutes: number;
  distanceKm: number;
  timeZone: string;
}

export interface VirtualPlan {
  strategy: 'hub' | 'direct';
  hubStopId: string | null;
  stops: VirtualStop[];
  /** Ids of generated virtual stops whose city has real stops now, or is no longer in the directory. */
  obsoleteStopIds: string[];
  routes: VirtualRoute[];
  warnings: string[];
}

/** Where a virtual route may begin or end: a virtual stop, or a real one whose place is known. */
export interface Terminal extends Place {
  stopId: string;
  /** The city's name as it stands in the route's name. */
  cityName: string;
  timeZone: string;
}

/** A real stop, with the number of real flights that begin or end there. */
export interface RealStop {
  id: string;
  name: string;
  cityName: string | null;
  latitude: number | null;
  longitude: number | null;
  flights: number;
}
