import { count, setting } from './setting-kinds.ts';

/** Limits of one legacy server, over all runs. */
export const SERVER_SETTINGS = {
  maxConcurrentVehicles: setting(
    'server.max_concurrent_vehicles',
    count,
    8,
    'Vehicles in flight at one legacy server, over all runs; a server may have its own limit.',
  ),
} as const;
