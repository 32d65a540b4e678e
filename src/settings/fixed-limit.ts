import type { LegacySyncSettings } from './legacy-sync.ts';

/** How many may be in flight where the limit does not adapt, and at most where it does: the server's own number, else the setting. */
export function fixedLimit(
  { maxConcurrentVehicles: own }: Record<string, unknown>,
  { maxConcurrentVehicles }: Pick<LegacySyncSettings, 'maxConcurrentVehicles'>,
): number {
  return typeof own === 'number' && own > 0 ? own : maxConcurrentVehicles;
}
