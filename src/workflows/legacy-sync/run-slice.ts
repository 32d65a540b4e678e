import { CancellationScope, ParentClosePolicy, executeChild, log, setCurrentDetails } from '@temporalio/workflow';
import { endedWithoutCleanup, isAlreadyStarted, nameFailure } from '../failure.ts';
import type { ClaimedSlice, SliceOutcome } from './activities.ts';
import { type WorkerSlotInput, sliceLabel, tableSliceSyncWorkflowId } from './messages.ts';
import { cleaningSlices } from './retry-profiles.ts';
import { fleetRunKey, legacyTableKey, workerSlotKey } from './search-attributes.ts';
import type { tableSliceSync } from './table-slice-sync.ts';

/** Runs a claimed slice as a child workflow. How it ended is the answer, with the error where it was one: the slot decides what that means. */
export async function runSlice(
  { runId, slot }: WorkerSlotInput,
  slice: ClaimedSlice,
): Promise<{ outcome: SliceOutcome; error: unknown }> {
  const { sliceId, serverId, table, number, of, timeoutMs, plannedRows } = slice;
  const label = sliceLabel(slice);
  setCurrentDetails(`worker slot ${slot}: **${label}** (about ${plannedRows} rows)`);
  try {
    const totals = await executeChild<typeof tableSliceSync>('tableSliceSync', {
      workflowId: tableSliceSyncWorkflowId({ runId, serverId, table, number }),
      args: [{ runId, sliceId, slot, table, number, of, timeoutMs }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      staticSummary: `${label}, worker slot ${slot}`,
      typedSearchAttributes: [
        { key: legacyTableKey, value: `${serverId}/${table}` },
        { key: workerSlotKey, value: slot },
        { key: fleetRunKey, value: runId },
      ],
    });
    return { outcome: { sliceId, result: 'completed', totals, failure: null }, error: null };
  } catch (error) {
    const totals = { ranges: 0, rows: 0, inserted: 0, duplicates: 0, quarantined: 0, bytes: 0 };
    if (isAlreadyStarted(error)) {
      const failure = { code: 'AlreadyRunning', message: `${label} of this run is still ending` };
      return { outcome: { sliceId, result: 'already-running', totals, failure }, error };
    }
    if (endedWithoutCleanup(error)) await cleanUp({ runId, sliceId, slot });
    return { outcome: { sliceId, result: 'failed', totals, failure: nameFailure(error) }, error };
  }
}

async function cleanUp(key: { runId: string; sliceId: string; slot: number }): Promise<void> {
  await CancellationScope.nonCancellable(() => cleaningSlices.cleanUpSlice(key)).catch((error: unknown) =>
    log.warn('cleanup after a terminated slice failed, the janitor will remove the files', {
      sliceId: key.sliceId,
      error,
    }),
  );
}
