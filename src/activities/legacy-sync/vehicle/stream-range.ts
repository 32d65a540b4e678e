import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import { readLedger } from '../../../records/import-ledger.ts';
import type { RangeTotals, VehicleActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { ExportOptions } from '../legacy-host/legacy-host.ts';
import type { StreamedDump } from '../legacy-host/stream-dump.ts';
import type { LocalStaging } from '../transfer/local-staging.ts';
import type { Attempt } from './attempt.ts';
import { importDump, type ImportDumpDependencies } from './import-dump.ts';
import type { RangeWork } from './range-work.ts';
import type { VehicleContext } from '../vehicle-context.ts';

export type RangeResult = Awaited<ReturnType<VehicleActivities['exportRange']>>;

export interface StreamDependencies extends ImportDumpDependencies {
  pool: pg.Pool;
  staging: LocalStaging;
}

/**
 * Does all stages of a small range in one attempt: the dump comes over the session that makes it and is imported from memory, so no file is
 * written on either side. A dump that proves nothing (it is too large, or has not as many new rows as planning counted) throws NotStreamed,
 * and the next attempt exports to a file. This attempt does not export by itself, because it may have been cancelled or have lost the
 * vehicle meanwhile.
 */
export async function streamRange(
  deps: StreamDependencies,
  work: RangeWork,
  options: Omit<ExportOptions, 'rangeRows' | 'onProgress'>,
): Promise<RangeResult> {
  const { context, host, attempt } = work;
  const newRows = context.sync.plannedRows;
  const streamed = await host.streamDump({ ...options, newRows, onReceived: receiving(deps, attempt) });
  if (streamed === null) throw notStreamed(context, 'its dump is larger than legacy_sync.transfer.stream_max_bytes');
  const totals = await importStreamed(deps, work, streamed);
  deps.faultPoint?.('cleanup:half');
  return { loaded: totals, last: true };
}

const notStreamed = ({ label }: VehicleContext, found: string, cause?: unknown): Failure =>
  new Failure('NotStreamed', `Streaming new rows of vehicle ${label}: ${found}. They are exported to a file instead.`, {
    cause,
  });

function receiving({ faultPoint }: StreamDependencies, attempt: Attempt): (bytes: number) => void {
  let begun = false;
  return (bytes) => {
    faultPoint?.(begun ? 'transfer:half' : 'export:done');
    if (!begun) void attempt.setStatus('transferring');
    begun = true;
    attempt.progress.report(bytes);
  };
}

async function importStreamed(
  deps: StreamDependencies,
  work: RangeWork,
  { manifest, content }: StreamedDump,
): Promise<RangeTotals> {
  const { context } = work;
  const counted = { ...manifest, rows: context.sync.plannedRows };
  try {
    return await importDump(deps, work, { manifest: counted, counted: 'new', dump: content });
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'DumpRowCountMismatch') throw error;
    throw notStreamed(context, 'its dump has not as many as planning counted', error);
  }
}

/** Answers for an attempt that was killed after its COMMIT: the range is in PostgreSQL, so only its files are left to remove. */
export async function recallRange(
  deps: StreamDependencies,
  { key, context, host, attempt }: RangeWork,
): Promise<RangeResult> {
  await deps.staging.remove(key);
  await host.removeFiles(key, attempt.signal);
  const totals = await readLedger(deps.pool, { ...key, toId: context.sync.cursor });
  return totals === null ? null : { loaded: totals, last: true };
}

/** Whether a range is streamed: its dump must be small, and must hold all new rows, because planning's count proves only all of them together. */
export function mayStream(
  { sync }: VehicleContext,
  { streamMaxBytes, method, rangeRows }: { streamMaxBytes: number; method: string; rangeRows: number | null },
): boolean {
  const countable = sync.mode === 'delta' && rangeRows === null;
  const rows = sync.plannedRows + (sync.overlapRows ?? 0);
  return method === 'exec' && countable && rows * (sync.bytesPerRow ?? BYTES_PER_ROW) <= streamMaxBytes;
}

/** A compressed row of a GPS table, assumed until a range of the vehicle was imported. The dump's true size decides in the end. */
const BYTES_PER_ROW = 40;
