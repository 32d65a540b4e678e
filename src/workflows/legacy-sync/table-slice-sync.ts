import { CancellationScope, log, setCurrentDetails } from '@temporalio/workflow';
import { anyText, checkInput, checkResult, runIdText, text, textLike, wholeNumber } from '../check-input.ts';
import { MAX_WORKERS } from './check-start.ts';
import type { RangeTotals } from './activities.ts';
import { type SliceKey, type TableSliceSyncInput, sliceLabel } from './messages.ts';
import { cleaningSlices, sliceClock, slices } from './retry-profiles.ts';
import { withWorkTimeout } from './work-timeout.ts';

const INPUT = {
  runId: runIdText,
  sliceId: textLike(/^slice-[0-9]+-[0-9]+$/, 'the id of a slice'),
  slot: wholeNumber(1, MAX_WORKERS),
  table: text(),
  number: wholeNumber(1),
  of: wholeNumber(1),
  timeoutMs: wholeNumber(1),
};
const TOTALS = { ranges: wholeNumber(0), rows: wholeNumber(0), bytes: wholeNumber(0) };

/** Brings one slice of a table, the rows of all vehicles that share it, through the stages that a vehicle's range goes through. */
export async function tableSliceSync(input: TableSliceSyncInput): Promise<RangeTotals> {
  checkInput('Starting tableSliceSync', input, INPUT);
  const key: SliceKey = { runId: input.runId, sliceId: input.sliceId, slot: input.slot };
  const limit = { timeoutMs: input.timeoutMs, workedMs: () => sliceClock.sliceWorkedMs(key), of: sliceLabel(input) };
  try {
    return await withWorkTimeout(limit, () => syncSlice(input, key));
  } catch (error) {
    await CancellationScope.nonCancellable(() => cleanUp(input, key));
    throw error;
  }
}

async function syncSlice(input: TableSliceSyncInput, key: SliceKey): Promise<RangeTotals> {
  for (;;) {
    tell(input, 'exporting');
    const exported = checkResult('exportSlice', await slices.exportSlice(key), {});
    if ('loaded' in exported) return checkResult('exportSlice', exported.loaded, TOTALS);
    checkResult('exportSlice', exported, { file: anyText, rows: wholeNumber(0), bytes: wholeNumber(0) });
    tell(input, `loading ${exported.rows} rows, ${exported.bytes} bytes`);
    const loaded = await slices.loadSlice({ key, manifest: exported });
    // The file was no good and is gone: the slice is exported again, as often as the activity's count of failures allows.
    if (loaded !== null) return checkResult('loadSlice', loaded, TOTALS);
  }
}

/** What cannot be removed now is left to the janitor: a failed cleanup must not hide why the slice failed. */
async function cleanUp(input: TableSliceSyncInput, key: SliceKey): Promise<void> {
  tell(input, 'cleaning up');
  try {
    await cleaningSlices.cleanUpSlice(key);
  } catch (error) {
    log.warn('cleanup failed, the janitor will remove the files', { sliceId: input.sliceId, error });
  }
}

function tell(input: TableSliceSyncInput, doing: string): void {
  setCurrentDetails(`**${sliceLabel(input)}** in worker slot ${input.slot}: ${doing}`);
}
