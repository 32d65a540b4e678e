import {
  CancellationScope,
  ContinueAsNew,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import {
  flag,
  listOf,
  object,
  optional,
  optionalText,
  runIdText,
  text,
  textLike,
  vehicleIdText,
  wholeNumber,
  checkInput,
  refusal,
} from '../check-input.ts';
import type { ReconcilePart } from './activities.ts';
import { checkStart } from './check-start.ts';
import type { ReconcileInput, ReconcileSummary, RemoveExtraInput, RemoveExtraResult, RepairInput } from './messages.ts';
import { reconciliation, reconciling, removing } from './retry-profiles.ts';

/** Of all servers together; each is four or five events of a history that should stay below some thousand. */
const STEPS_PER_HISTORY = 500;
const DAY = textLike(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/, 'a day, YYYY-MM-DD');

/** Compares what arrived with what the legacy servers have, some vehicles of each server at a time. */
export async function reconcileFleet(input: ReconcileInput): Promise<ReconcileSummary> {
  checkReconcile(input);
  // Continued as new, it is the same reconciliation.
  const { firstExecutionRunId: reconciliationId, workflowId } = workflowInfo();
  try {
    const { selection, from = null, to = null, requestedBy = 'unknown' } = input;
    const planned = { reconciliationId, workflowId, selection, from, to, requestedBy };
    const servers = input.servers ?? (await reconciliation.planReconciliation(planned)).servers;
    const most = input.stepsPerHistory ?? STEPS_PER_HISTORY;
    const left = await eachServer(servers, { reconciliationId, most }, reconciling.compareNext);
    if (left.length > 0) return await continueAsNew<typeof reconcileFleet>({ ...input, servers: left });
    if (input.repair === true && !(await repairAll(reconciliationId, most))) {
      return await continueAsNew<typeof reconcileFleet>({ ...input, servers: [] });
    }
    return await reconciliation.finishReconciliation({ reconciliationId, outcome: 'completed' });
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    const outcome = isCancellation(error) ? 'cancelled' : 'failed';
    await CancellationScope.nonCancellable(() => reconciliation.finishReconciliation({ reconciliationId, outcome }));
    throw error;
  }
}

/** Brings in line what a reconciliation found to differ. */
export async function repairReconciled(input: RepairInput): Promise<void> {
  checkInput('Starting repairReconciled', input, { reconciliationId: runIdText, requestedBy: optionalText() });
  if (!(await repairAll(input.reconciliationId, STEPS_PER_HISTORY)))
    await continueAsNew<typeof repairReconciled>(input);
}

/** Removes rows that are marked as no longer at the source. */
export async function removeExtraPositions(input: RemoveExtraInput): Promise<RemoveExtraResult> {
  checkInput('Starting removeExtraPositions', input, { vehicleIds: optional(listOf(vehicleIdText)) });
  return removing.removeExtra(input);
}

/** False: there is more to repair than one history should hold. */
async function repairAll(reconciliationId: string, most: number): Promise<boolean> {
  const { servers } = await reconciliation.planRepair({ reconciliationId });
  const left = await eachServer(servers, { reconciliationId, most }, reconciling.repairNext);
  return left.length === 0;
}

/** Works at all servers at once, on each step by step; returns those that have more left. */
async function eachServer(
  servers: readonly string[],
  { reconciliationId, most }: { reconciliationId: string; most: number },
  step: (part: ReconcilePart) => Promise<{ left: boolean }>,
): Promise<string[]> {
  let steps = 0;
  let done = 0;
  const show = (): void => setCurrentDetails(`${done} of ${servers.length} servers done, ${steps} steps`);
  const unfinished = await Promise.all(
    servers.map(async (serverId) => {
      for (let left = true; left; show()) {
        if (steps >= most) return [serverId];
        steps += 1;
        ({ left } = await step({ reconciliationId, serverId }));
      }
      done += 1;
      show();
      return [];
    }),
  );
  return unfinished.flat();
}

function checkReconcile(input: ReconcileInput | null | undefined): void {
  checkStart(input);
  checkInput('Starting reconcileFleet', input, {
    selection: object,
    from: optional(DAY),
    to: optional(DAY),
    repair: optional(flag),
    requestedBy: optionalText(),
    stepsPerHistory: optional(wholeNumber(1)),
    servers: optional(listOf(text())),
  });
  const { from, to } = input as ReconcileInput;
  if (typeof from === 'string' && typeof to === 'string' && from > to)
    throw refusal('Starting reconcileFleet', `the span begins on ${from}, after its end on ${to}`);
}
