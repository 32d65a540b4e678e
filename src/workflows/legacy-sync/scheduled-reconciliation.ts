import { ParentClosePolicy, startChild } from '@temporalio/workflow';
import { checkInput, flag, object, optional, optionalText, wholeNumber } from '../check-input.ts';
import { isAlreadyStarted } from '../failure.ts';
import {
  RECONCILE_WORKFLOW_ID,
  type ReconcileInput,
  type ScheduledReconciliationInput,
  type ScheduledReconciliationResult,
} from './messages.ts';
import { reconcileFleet } from './reconcile-fleet.ts';

/** A hundred years. */
const MOST_DAYS = 36_500;
const DAY_MS = 86_400_000;
/** No zone is further behind UTC: a day that has begun there has begun everywhere. */
const FURTHEST_BEHIND_MS = 12 * 3_600_000;

/** What a schedule starts. The reconciliation itself has its one id, so that there is one at a time, and lives on when this wrapper is ended. */
export async function scheduledReconciliation(
  input: ScheduledReconciliationInput,
): Promise<ScheduledReconciliationResult> {
  checkInput('Starting scheduledReconciliation', input, {
    selection: object,
    lastDays: optional(wholeNumber(1, MOST_DAYS)),
    repair: optional(flag),
    requestedBy: optionalText(),
  });
  const { lastDays, ...wanted } = input;
  const asked: ReconcileInput = lastDays == null ? wanted : { ...wanted, from: dayBefore(lastDays) };
  try {
    const run = await startChild(reconcileFleet, {
      workflowId: RECONCILE_WORKFLOW_ID,
      args: [asked],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
    return { status: 'ran', result: await run.result() };
  } catch (error) {
    if (isAlreadyStarted(error)) return { status: 'skipped', result: null };
    throw error;
  }
}

const dayBefore = (days: number): string =>
  new Date(Date.now() - days * DAY_MS - FURTHEST_BEHIND_MS).toISOString().slice(0, 10);
