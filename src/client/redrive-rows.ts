import type { Client } from '@temporalio/client';
import {
  LEGACY_SYNC_TASK_QUEUE,
  REDRIVEN_AT_ONCE,
  type RedriveInput,
  type RedriveResult,
  redriveWorkflowId,
} from '../workflows/legacy-sync/messages.ts';

/** Tries these rows of a vehicle again, as many at a time as one workflow takes, and returns the sums. */
export async function redriveRows(
  temporal: Client,
  { vehicleId, ids, dryRun }: { vehicleId: string; ids: readonly string[]; dryRun: boolean },
): Promise<RedriveResult> {
  const sum: RedriveResult = { taken: 0, imported: 0, duplicates: 0, stillQuarantined: 0, left: 0 };
  for (let at = 0; at < ids.length; at += REDRIVEN_AT_ONCE) {
    const input = { vehicleId, ids: ids.slice(at, at + REDRIVEN_AT_ONCE), dryRun };
    const result = await temporal.workflow.execute<(input: RedriveInput) => Promise<RedriveResult>>(
      'redriveQuarantine',
      {
        workflowId: redriveWorkflowId(vehicleId),
        taskQueue: LEGACY_SYNC_TASK_QUEUE,
        args: [input],
        staticSummary: `Trying quarantined rows of vehicle ${vehicleId} again`,
      },
    );
    for (const key of Object.keys(sum) as (keyof RedriveResult)[]) sum[key] += result[key];
  }
  return sum;
}
