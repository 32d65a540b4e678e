import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import type { RangeTotals, VehicleActivities, VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import type { ExportOptions, LegacyHost } from '../legacy-host/legacy-host.ts';
import type { StreamedRange } from '../legacy-host/stream-range.ts';
import type { LocalStaging } from '../load/local-staging.ts';
import { readLedger } from '../load/range-records.ts';
import type { Attempt } from './attempt.ts';
import { importDump, type ImportDumpDependencies } from './import-dump.ts';
import type { VehicleContext } from './vehicle-context.ts';

export type RangeResult = Awaited<ReturnType<VehicleActivities['exportRange']>>;

export interface FetchDependencies extends ImportDumpDependencies {
  pool: pg.Pool;
  staging: LocalStaging;
}

/**
 * All stages of a small range in one attempt: its dump comes over the session that makes it and is imported, and nothing is written on
 * either side. One that proves nothing (it is larger than thought, or has not as many new rows as planning counted) is left to the
 * next attempt, which exports to a file: whoever was cancelled meanwhile, or lost the vehicle, does not come to that. Errors: NotStreamed.
 */
export async function fetchRange(
  deps: FetchDependencies,
  host: LegacyHost,
  context: VehicleContext,
  key: VehicleSyncKey,
  options: Omit<ExportOptions, 'rangeRows' | 'onProgress'>,
  attempt: Attempt,
): Promise<RangeResult> {
  const newRows = context.sync.plannedRows;
  const streamed = await host.streamRange({ ...options, newRows, onReceived: receiving(deps, attempt) });
  if (streamed === null) throw notStreamed(context, 'its dump is larger than legacy_sync.transfer.at_once_bytes');
  const totals = await importStreamed(deps, context, key, streamed, attempt);
  deps.faultPoint?.('cleanup:half');
  return { loaded: totals, last: true };
}

const notStreamed = ({ label }: VehicleContext, found: string, cause?: unknown): Failure =>
  new Failure('NotStreamed', `Streaming new rows of vehicle ${label}: ${found}. They are exported to a file instead.`, {
    cause,
  });

function receiving({ faultPoint }: FetchDependencies, attempt: Attempt): (bytes: number) => void {
  let begun = false;
  return (bytes) => {
    faultPoint?.(begun ? 'transfer:half' : 'export:done');
    if (!begun) void attempt.setStatus('transferring');
    begun = true;
    attempt.progress.report(bytes);
  };
}

async function importStreamed(
  deps: FetchDependencies,
  context: VehicleContext,
  key: VehicleSyncKey,
  { manifest, content }: StreamedRange,
  attempt: Attempt,
): Promise<RangeTotals> {
  const counted = { ...manifest, rows: context.sync.plannedRows };
  try {
    return await importDump(deps, context, { key, manifest: counted, counted: 'new', dump: content }, attempt);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'DumpRowCountMismatch') throw error;
    throw notStreamed(context, 'its dump has not as many as planning counted', error);
  }
}

/** What an attempt that was killed after its COMMIT could not answer any more: the range is in PostgreSQL, and what it left is removed. */
export async function recallRange(
  deps: FetchDependencies,
  host: LegacyHost,
  { sync }: VehicleContext,
  key: VehicleSyncKey,
  signal: AbortSignal,
): Promise<RangeResult> {
  await deps.staging.remove(key);
  await host.removeFiles(key, signal);
  const totals = await readLedger(deps.pool, { ...key, toId: sync.cursor });
  return totals === null ? null : { loaded: totals, last: true };
}

/** Whether the rows that planning counted make a dump that may be streamed. Only all new rows together can be held against that count. */
export function isSmall(
  { sync }: VehicleContext,
  { atOnceBytes, method, rangeRows }: { atOnceBytes: number; method: string; rangeRows: number | null },
): boolean {
  const countable = sync.mode === 'delta' && rangeRows === null;
  const rows = sync.plannedRows + (sync.overlapRows ?? 0);
  return method === 'exec' && countable && rows * (sync.bytesPerRow ?? BYTES_PER_ROW) <= atOnceBytes;
}

/** Of a GPS table's row, compressed, as long as nothing of the vehicle was seen. The dump's true size decides in the end. */
const BYTES_PER_ROW = 40;
