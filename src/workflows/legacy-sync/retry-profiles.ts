import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { FleetActivities, VehicleActivities } from './activities.ts';

/**
 * Reaches the legacy host for minutes. A killed worker is noticed after 10 s without a heartbeat. Attempts are not counted here: the
 * activity counts failures of the work itself and gives up by a non-retryable failure, so that deploys and lost hosts cost no attempt;
 * the vehicle's work timeout bounds the rest.
 */
export const legacyHost = proxyActivities<Pick<VehicleActivities, 'exportRange' | 'loadRange'>>({
  startToCloseTimeout: '24 hours',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

/** After five minutes the janitor takes over: a cancelled run must be able to end while the legacy host is away. */
export const cleaning = proxyActivities<Pick<VehicleActivities, 'cleanUp'>>({
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '5 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumAttempts: 5 },
});

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

export const clock = proxyLocalActivities<Pick<VehicleActivities, 'workedMs'>>({
  startToCloseTimeout: '5 seconds',
  retry: { initialInterval: '100 milliseconds', maximumAttempts: 3 },
});
