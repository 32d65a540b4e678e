import { count, setting } from './setting-kinds.ts';

/** How hard a legacy server is asked for what it has, when that is compared with what arrived. */
export const RECONCILE_SETTINGS = {
  reconcilePlaces: setting(
    'reconcile.concurrent_limit',
    count,
    1,
    'Reconciling at once per legacy server, over all runs and processes; a connection is taken besides.',
  ),
  reconcileVehicles: setting(
    'reconcile.vehicles_at_once',
    count,
    200,
    'Vehicles of a server that are compared in one step: those of a shared table in one pass over it. A worker that dies loses a step.',
  ),
  reconcileRowsPerSecond: setting(
    'reconcile.rows_per_second',
    count,
    500_000,
    'Rows per second that a legacy server is asked to hash; between two sessions it is left alone for as long as that takes.',
  ),
} as const;
