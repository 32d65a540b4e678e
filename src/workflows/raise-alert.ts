import { proxyActivities } from '@temporalio/workflow';
import type { AlertActivities, AlertInput } from './alert-contract.ts';

/** A worker that runs a workflow of ours registers `raiseAlert` on the workflow's queue. */
const activities = proxyActivities<AlertActivities>({
  startToCloseTimeout: '1 minute',
  // The channels are told at the first attempt. What is repeated is the row, and no run may wait for that for ever.
  scheduleToCloseTimeout: '10 minutes',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});

/** Tells the admin. Whether it is delivered does not change how the run ended. */
export async function raiseAlert(alert: AlertInput): Promise<void> {
  try {
    await activities.raiseAlert(alert);
  } catch {
    // The activity has told the channels and logged the failure; there is nothing else to do here.
  }
}
