import { count, setting } from './setting-kinds.ts';

/** How hard a legacy server is asked for what it has, when that is compared with what arrived. */
export const RECONCILE_SETTINGS = {
  reconcilePlaces: setting(
    'reconcile.concurrent_limit',
    count,
    1,
    'Reconciling at once per legacy server, over all runs and processes; a connection is taken besides.',
  ),
  reconcileRowsPerSecond: setting(
    'reconcile.rows_per_second',
    count,
    500_000,
    'Rows per second that a legacy server is asked to hash; between two sessions it is left alone for as long as that takes.',
  ),
} as const;
