import { haversineKm } from '../../../graph/haversine.ts';
import type { Terminal, VirtualRoute } from './virtual-plan.ts';

/** A route in one direction. The duration is rounded up and never 0. The distance follows the great circle and is rounded to 100 m. */
export function virtualRoute(from: Terminal, to: Terminal, speedKmh: number): VirtualRoute {
  const km = haversineKm(from, to);
  return {
    id: `virtual-route-${from.stopId}-${to.stopId}`,
    name: `${from.cityName} → ${to.cityName}`,
    fromStopId: from.stopId,
    toStopId: to.stopId,
    durationMinutes: Math.max(1, Math.ceil((km / speedKmh) * 60)),
    distanceKm: Math.round(km * 10) / 10,
    timeZone: from.timeZone,
  };
}

export function pairOf(a: Terminal, b: Terminal, speedKmh: number): VirtualRoute[] {
  return [virtualRoute(a, b, speedKmh), virtualRoute(b, a, speedKmh)];
}
