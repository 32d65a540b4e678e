import {
  CancellationScope,
  ContinueAsNew,
  continueAsNew,
  log,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import {
  anyText,
  checkInput,
  checkResult,
  flag,
  object,
  oneOf,
  optional,
  runIdText,
  vehicleIdText,
  wholeNumber,
} from '../check-input.ts';
import { MAX_WORKERS } from './check-start.ts';
import type { ExportManifest, LoadedRange, RangeTotals, VehicleSyncKey } from './activities.ts';
import type { VehicleSyncInput, VehicleSyncResult } from './messages.ts';
import { cleaning, clock, legacyHost } from './retry-profiles.ts';
import { withWorkTimeout } from './work-timeout.ts';

const TOTALS = { ranges: wholeNumber(0), rows: wholeNumber(0), bytes: wholeNumber(0) };
const NOTHING: RangeTotals = { ranges: 0, rows: 0, inserted: 0, duplicates: 0, quarantined: 0, bytes: 0 };

const INPUT = {
  runId: runIdText,
  vehicleId: vehicleIdText,
  label: anyText,
  slot: wholeNumber(1, MAX_WORKERS),
  mode: oneOf('delta', 'full'),
  timeoutMs: wholeNumber(1),
  totals: optional(object),
};

/**
 * Syncs one vehicle in one run, range by range, so that a backlog larger than the timeout still progresses: each range is exported,
 * transferred, imported and removed before the next is begun.
 */
export async function vehicleSync(input: VehicleSyncInput): Promise<VehicleSyncResult> {
  checkInput('Starting vehicleSync', input, INPUT);
  const key: VehicleSyncKey = { runId: input.runId, vehicleId: input.vehicleId, slot: input.slot };
  const limit = { timeoutMs: input.timeoutMs, workedMs: () => clock.workedMs(key), of: `vehicle ${input.label}` };
  try {
    const { totals, complete } = await withWorkTimeout(limit, () => syncRanges(input, key));
    if (complete) return totals;
    return await continueAsNew<typeof vehicleSync>({ ...input, totals });
  } catch (error) {
    if (!(error instanceof ContinueAsNew)) await CancellationScope.nonCancellable(() => cleanUp(input, key));
    throw error;
  }
}

async function syncRanges(
  input: VehicleSyncInput,
  key: VehicleSyncKey,
): Promise<{ totals: RangeTotals; complete: boolean }> {
  let totals = input.totals ?? NOTHING;
  while (!workflowInfo().continueAsNewSuggested) {
    tell(input, `exporting range ${totals.ranges + 1}`);
    const exported = await exportNext(key);
    if (exported === null) return { totals, complete: true };
    const loaded = 'loaded' in exported ? exported.loaded : await load(input, key, exported, totals.ranges + 1);
    // The file was bad and has been removed: the range is exported again, as often as the activity's count of failures allows.
    if (loaded === null) continue;
    totals = sum(totals, loaded);
    if (exported.last) return { totals, complete: true };
  }
  return { totals, complete: false };
}

async function load(
  input: VehicleSyncInput,
  key: VehicleSyncKey,
  manifest: ExportManifest,
  range: number,
): Promise<RangeTotals | null> {
  tell(input, `loading range ${range}: ${manifest.rows} rows, ${manifest.bytes} bytes`);
  const loaded = await legacyHost.loadRange({ key, manifest });
  return loaded === null ? null : checkResult('loadRange', loaded, TOTALS);
}

async function exportNext(key: VehicleSyncKey): Promise<ExportManifest | LoadedRange | null> {
  const exported = await legacyHost.exportRange(key);
  if (exported === null) return null;
  const loaded = (exported as Partial<LoadedRange>).loaded;
  if (loaded === undefined)
    return checkResult('exportRange', exported, { file: anyText, rows: wholeNumber(0), last: flag });
  checkResult('exportRange', loaded, TOTALS);
  return exported;
}

/** Cleans up. A failed cleanup must not hide why the vehicle failed; the janitor removes later what is left. */
async function cleanUp(input: VehicleSyncInput, key: VehicleSyncKey): Promise<void> {
  tell(input, 'cleaning up');
  try {
    await cleaning.cleanUp(key);
  } catch (error) {
    log.warn('cleanup failed, the janitor will remove the files', { vehicleId: input.vehicleId, error });
  }
}

function tell({ label, slot }: VehicleSyncInput, doing: string): void {
  setCurrentDetails(`**${label}** in worker slot ${slot}: ${doing}`);
}

function sum(a: RangeTotals, b: RangeTotals): RangeTotals {
  return {
    ranges: a.ranges + b.ranges,
    rows: a.rows + b.rows,
    inserted: a.inserted + b.inserted,
    duplicates: a.duplicates + b.duplicates,
    quarantined: a.quarantined + b.quarantined,
    bytes: a.bytes + b.bytes,
  };
}
