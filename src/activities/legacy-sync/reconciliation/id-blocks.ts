import type { TableSpan } from '../../../records/legacy-tables.ts';
import { type AskedVehicle, STEP_ROWS } from './source-sql.ts';

/** Ids of a table that vehicles share, in blocks of the same width: each side sums up a block first, of all vehicles and days together. */
export interface IdBlocks {
  /** Ids above it are compared, up to the last that all vehicles have. */
  above: bigint;
  upTo: bigint;
  /** Ids of one block. */
  width: bigint;
  count: number;
}

/** A block that differs is read once more, so it should be little of the table; each has sums of each vehicle in memory. */
const MOST_BLOCKS = 200n;
/** Ids for each row. Where ids are further apart, a step of as many ids as it may read rows would read few. */
const MOST_IDS = 2;

/** null: the ids have gaps, or stand for several rows, so that nobody knows how many rows lie between two. */
export function idBlocks(vehicles: readonly AskedVehicle[], { minId, rows, uniqueIds }: TableSpan): IdBlocks | null {
  if (!uniqueIds) return null;
  const lowest = vehicles.map(({ above }) => BigInt(above)).reduce((one, other) => (one < other ? one : other));
  const upTo = vehicles.map((each) => BigInt(each.upTo)).reduce((one, other) => (one < other ? one : other));
  const above = lowest < minId ? minId - 1n : lowest;
  const ids = upTo - above;
  const wanted = vehicles.reduce((sum, each) => sum + each.rows, 0);
  if (ids <= 0n || Number(ids) > MOST_IDS * Math.max(rows, wanted)) return null;
  const steps = (ids + BigInt(STEP_ROWS) - 1n) / BigInt(STEP_ROWS);
  const width = ((steps + MOST_BLOCKS - 1n) / MOST_BLOCKS) * BigInt(STEP_ROWS);
  return { above, upTo, width, count: Number((ids + width - 1n) / width) };
}

/** Of rows that lie in no block. */
export const NO_BLOCK = -1;

/** In which block an id lies. */
export function blockOf({ above, upTo, width, count }: IdBlocks): (id: number) => number {
  const [from, to, ids] = [Number(above), Number(upTo), Number(width)];
  // The source says which of its ids is the lowest: what lies below it here is in the first block, which then differs.
  return (id) => (id > to ? NO_BLOCK : Math.min(count - 1, Math.max(0, Math.ceil((id - from) / ids) - 1)));
}

/** The ids of `count` blocks. */
export function idsOf({ above, upTo, width }: IdBlocks, first: number, count = 1): { above: bigint; upTo: bigint } {
  const end = above + width * BigInt(first + count);
  return { above: above + width * BigInt(first), upTo: end < upTo ? end : upTo };
}
