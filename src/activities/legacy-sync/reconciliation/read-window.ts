import type { RefusedRow } from '../../../records/quarantine.ts';
import type { LegacyTable } from '../../../records/legacy-tables.ts';
import type { Vehicle } from '../../../settings/legacy-server.ts';
import { convertStreamed } from '../load/convert-streamed.ts';
import { Failure } from '../../../errors.ts';
import type { StreamedDump } from '../legacy-host/stream-dump.ts';
import type { ReconciledServer } from './at-server.ts';

/** Rows of a vehicle with ids above one, up to another. */
export interface Window {
  above: string;
  upTo: string;
}

/** Above 0 are all ids from 1 on, and those below. */
export const windowOf = (first: bigint, last: bigint): Window => ({
  above: String(first < 1n ? 0n : first - 1n),
  upTo: String(last < 1n ? 1n : last),
});

export interface WindowRows {
  /** As the converter writes them for a binary COPY. */
  tuples: Buffer;
  refused: RefusedRow[];
}

interface WindowSource {
  at: ReconciledServer;
  vehicle: Vehicle;
  table: LegacyTable;
  reconciliationId: string;
}

/** By this the host chooses how to compress. */
const ROWS_OF_A_WINDOW = 5_000;

/** Reads and converts rows as a sync does, without a file, and in halves where a window is too large for that. */
export async function* readWindow(source: WindowSource, window: Window): AsyncGenerator<WindowRows> {
  const left = [window];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const streamed = await stream(source, next);
    if (streamed !== null) yield await convert(source, streamed);
    else {
      const middle = String((BigInt(next.above) + BigInt(next.upTo)) / 2n);
      if (middle === next.above) throw tooLarge(source, next);
      left.push({ above: middle, upTo: next.upTo }, { above: next.above, upTo: middle });
    }
  }
}

const stream = ({ at, vehicle, table, reconciliationId }: WindowSource, { above, upTo }: Window) =>
  at.host.streamDump({
    vehicle,
    tableColumns: table.columns,
    engine: table.engine ?? null,
    runId: reconciliationId,
    cursor: above,
    frozenTo: upTo,
    overlapIds: 0,
    newRows: ROWS_OF_A_WINDOW,
    signal: at.signal,
  });

async function convert(
  { at: { server, signal, pace, buffers }, vehicle, table }: WindowSource,
  dump: StreamedDump,
): Promise<WindowRows> {
  const { converter } = await convertStreamed(dump, {
    vehicle,
    server,
    tableColumns: table.columns,
    signal,
    pace,
    buffers,
  });
  return { tuples: converter.takeFresh(), refused: converter.takeQuarantined() };
}

const tooLarge = ({ vehicle }: WindowSource, { upTo }: Window): Failure =>
  new Failure(
    'ExportFailed',
    `Reading row ${upTo} of vehicle ${vehicle.id} again: it is larger than legacy_sync.transfer.stream_max_bytes, or than legacy_sync.resource_limits.max_memory_mb has room for. Raise that setting.`,
  );
