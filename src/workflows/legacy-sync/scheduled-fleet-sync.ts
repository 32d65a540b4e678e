import { ParentClosePolicy, startChild } from '@temporalio/workflow';
import { checkInput, object, text } from '../check-input.ts';
import { isAlreadyStarted } from '../failure.ts';
import { fleetSync } from './fleet-sync.ts';
import type { ScheduledFleetSyncInput, ScheduledFleetSyncResult } from './messages.ts';

/**
 * What a schedule starts: a schedule appends a timestamp to the ids it starts, so it could sync the same vehicles beside a run that was started
 * by hand. The run itself always has its one id, and lives on when this wrapper is ended.
 */
export async function scheduledFleetSync(input: ScheduledFleetSyncInput): Promise<ScheduledFleetSyncResult> {
  checkInput('Starting scheduledFleetSync', input, { fleetWorkflowId: text(), sync: object });
  try {
    const run = await startChild(fleetSync, {
      workflowId: input.fleetWorkflowId,
      args: [input.sync],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
    return { status: 'ran', result: await run.result() };
  } catch (error) {
    if (isAlreadyStarted(error)) return { status: 'skipped', result: null };
    throw error;
  }
}
