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
 * Of what is a slice otherwise: the first two. Dumps of slices of one size end all at once, and until then no import has anything to do; afterwards
 * no dump is under way that it could overlap with.
 */
const FIRST_TWO = [2n, 3n];
const PARTS = 5n;

/**
 * Cuts a span of ids into slices without a gap: as many as keep one at `rangeRows` rows, where rows lie evenly, where there is enough for
 * all worker slots, one for each, and no fewer than `least`. Where slots work side by side, the first slice is cut in two.
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
