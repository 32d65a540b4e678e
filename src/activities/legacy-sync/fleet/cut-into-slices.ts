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
 * The sizes of the first two slices, as parts of a usual one. If all slices had one size, their dumps would end at the same time: until then no
 * import would have anything to do, and afterwards no dump would run beside the imports.
 */
const FIRST_TWO = [2n, 3n];
const PARTS = 5n;

/**
 * Cuts a span of ids into slices without a gap. There are as many as keep a slice at `rangeRows` rows, if rows lie evenly; one for each worker slot,
 * if there are rows enough; and no fewer than `least`. When several slots work, the first slice is cut in two.
 */
export function cutIntoSlices(
  { fromId, toId }: Span,
  { rows, rangeRows, workers, least = 1 }: { rows: number; rangeRows: number; workers: number; least?: number },
): PlannedSlice[] {
  const wanted = Math.max(Math.ceil(rows / rangeRows), Math.min(workers, Math.floor(rows / SMALLEST)), least);
  const ids = toId - fromId;
  const count = BigInt(Math.min(wanted, MOST - 1, Number(ids)));
  const inTwo = workers > 1 && count > 1n && rows / Number(count) >= 2 * SMALLEST && ids >= count * PARTS;
  const parts = Array.from({ length: Number(count) }, () => PARTS);
  if (inTwo) parts.splice(0, 1, ...FIRST_TWO);
  const whole = count * PARTS;
  let before = 0n;
  return parts.map((part) => {
    const from = fromId + (ids * before) / whole;
    before += part;
    const plannedRows = Math.round((rows * Number(part)) / Number(whole));
    return { fromId: String(from), toId: String(fromId + (ids * before) / whole), plannedRows };
  });
}
