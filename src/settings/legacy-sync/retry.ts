import { z } from 'zod';
import { milliseconds, setting } from './setting-kinds.ts';

/** How often, and after which wait, a failed export or import is tried again. `activities/legacy-sync/vehicle/export-import-retry.ts` applies it. */
export const RETRY_SETTINGS = {
  retryAttempts: setting(
    'worker_pool.retry_attempts',
    z.number().int().nonnegative(),
    2,
    'Retries after the first attempt, for failures of the work only; a committed range starts the count again.',
  ),
  retryInitialMs: setting(
    'worker_pool.retry_initial_ms',
    milliseconds,
    1_000,
    'Wait before the first retry; doubles with each, plus or minus up to a quarter at random.',
  ),
  retryMaxMs: setting('worker_pool.retry_max_ms', milliseconds, 60_000, 'Longest wait between two attempts.'),
} as const;
