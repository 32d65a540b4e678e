import type { PlannedSlice } from '../../../records/table-reads.ts';

/** The ids with fromId < id <= toId. */
export interface Span {
  fromId: bigint;
  toId: bigint;
}

/** Below this a slice costs more to begin than another worker slot gains. */
const SMALLEST = 40_000;
const MOST = 10_000;

/**
 * Cuts a span of ids into slices without a gap: as many as keep one at `rangeRows` rows, where rows lie evenly, and where there is enough for
 * all worker slots, one for each.
 */
export function cutIntoSlices(
  { fromId, toId }: Span,
  { rows, rangeRows, workers }: { rows: number; rangeRows: number; workers: number },
): PlannedSlice[] {
  const wanted = Math.max(Math.ceil(rows / rangeRows), Math.min(workers, Math.floor(rows / SMALLEST)), 1);
  const ids = toId - fromId;
  const count = BigInt(Math.min(wanted, MOST, Number(ids)));
  const slices: PlannedSlice[] = [];
  for (let number = 0n; number < count; number++) {
    slices.push({
      fromId: String(fromId + (ids * number) / count),
      toId: String(fromId + (ids * (number + 1n)) / count),
      plannedRows: Math.round(rows / Number(count)),
    });
  }
  return slices;
}
