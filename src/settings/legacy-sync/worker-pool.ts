import { z } from 'zod';
import { count, milliseconds, setting } from './setting-kinds.ts';

/** The most worker slots of a run; `workflows/legacy-sync/check-start.ts` refuses more. */
export const MOST_SLOTS = 1_000;

/** How many vehicles a run syncs at the same time, and how long a claim lasts without a sign of life. */
export const WORKER_POOL_SETTINGS = {
  poolEnabled: setting('worker_pool.enabled', z.boolean(), true, 'false: the same run with one worker slot.'),
  maxWorkers: setting(
    'worker_pool.max_workers',
    count.max(MOST_SLOTS),
    3,
    'Worker slots of a run; changing it reaches a running sync within seconds.',
  ),
  workerTimeoutMs: setting(
    'worker_pool.worker_timeout_ms',
    milliseconds,
    600_000,
    'Longest work on one vehicle in a run; queueing does not count. What was committed by then stays.',
  ),
  leaseMs: setting(
    'worker_pool.lease_ms',
    milliseconds,
    60_000,
    'How long a claim holds without a sign of life before it is checked against Temporal.',
  ),
  permitLeaseMs: setting(
    'worker_pool.permit_lease_ms',
    milliseconds,
    10_000,
    'How long a killed worker process still counts as holding its connections and transfers; renewed every third of it.',
  ),
  slotsByForecast: setting(
    'worker_pool.slots_by_forecast',
    z.boolean(),
    false,
    'true: a run begins with as few slots as make it hardly longer by its forecast, and gets all of them when it takes longer than that.',
  ),
  ageingMs: setting(
    'worker_pool.ageing_ms',
    milliseconds,
    86_400_000,
    'A vehicle’s priority rises by one for each such time since its last sync, so that none is passed over for ever.',
  ),
  claimPollMs: setting('worker_pool.claim_poll_ms', milliseconds, 1_000, 'How often a waiting slot asks again.'),
} as const;
