import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { FleetActivities, ReconciliationActivities, SliceActivities, VehicleActivities } from './activities.ts';
import type { RolloutActivities } from './rollout-contract.ts';

/**
 * Export and import of a range: minutes of work at the legacy host. A killed worker is noticed after 10 s without a heartbeat. Attempts are
 * not counted here: the activity counts failures of the work itself (vehicle/export-import-retry.ts) and gives up by a non-retryable failure, so that
 * deploys and lost hosts cost no attempt; the vehicle's work timeout bounds the rest.
 */
const ON_LEGACY_HOST = {
  startToCloseTimeout: '24 hours',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
} as const;

export const legacyHost = proxyActivities<Pick<VehicleActivities, 'exportRange' | 'loadRange'>>(ON_LEGACY_HOST);
export const slices = proxyActivities<Pick<SliceActivities, 'exportSlice' | 'loadSlice'>>(ON_LEGACY_HOST);

/** After five minutes the janitor takes over: a cancelled run must be able to end while the legacy host is away. */
const CLEANING = {
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '5 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumAttempts: 5 },
} as const;

export const cleaning = proxyActivities<Pick<VehicleActivities, 'cleanUp'>>(CLEANING);
export const cleaningSlices = proxyActivities<Pick<SliceActivities, 'cleanUpSlice'>>(CLEANING);

/** Planning asks the legacy host about every vehicle; it goes on where it stopped when it is tried again. */
export const planning = proxyActivities<Pick<FleetActivities, 'planRun'>>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

/** Short statements on PostgreSQL that must happen, however long it is away. */
export const database = proxyActivities<Pick<FleetActivities, 'claimNext' | 'controlRun' | 'finishRun'>>({
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});

/**
 * The same statements without a round trip through the server (3.5 ms instead of 12). Three tries: a local activity that keeps
 * failing would keep its workflow task open, so the durable retry is left to `database`.
 */
export const quick = proxyLocalActivities<Pick<FleetActivities, 'claimNext'>>({
  startToCloseTimeout: '5 seconds',
  retry: { initialInterval: '100 milliseconds', maximumAttempts: 3 },
});

const CLOCK = {
  startToCloseTimeout: '5 seconds',
  retry: { initialInterval: '100 milliseconds', maximumAttempts: 3 },
} as const;

export const clock = proxyLocalActivities<Pick<VehicleActivities, 'workedMs'>>(CLOCK);
export const sliceClock = proxyLocalActivities<Pick<SliceActivities, 'sliceWorkedMs'>>(CLOCK);

/**
 * Comparing or repairing some vehicles of a server, a minute as a rule. A server that is away is asked again for a while; then the activity
 * writes down that its vehicles could not be compared.
 */
export const reconciling = proxyActivities<Pick<ReconciliationActivities, 'compareNext' | 'repairNext'>>({
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

/** Short statements on PostgreSQL, as `database`. */
export const reconciliation = proxyActivities<
  Pick<ReconciliationActivities, 'planReconciliation' | 'planRepair' | 'finishReconciliation'>
>({
  startToCloseTimeout: '5 minutes',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});

export const removing = proxyActivities<Pick<ReconciliationActivities, 'removeExtra'>>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumAttempts: 5 },
});

/** Short statements on PostgreSQL that a rollout cannot go on without, however long it is away. */
export const rolling = proxyActivities<RolloutActivities>({
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});
