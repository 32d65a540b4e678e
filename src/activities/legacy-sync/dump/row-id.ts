import { parseInteger, parseShortInteger } from './number-value.ts';
import { type RowScan, VALUE } from './row-scanner.ts';

/** The id of a row, also as the two halves that binary COPY needs. One object is reused for every row. */
export interface RowId {
  /** A number when a double can represent the id exactly, which is nearly always. */
  value: number | bigint;
  high: number;
  low: number;
}

const TWO_32 = 4_294_967_296;
const LARGEST = 2n ** 63n - 1n;

/** Returns false when the value is no whole number that fits a bigint. */
export function readRowId(row: RowScan, index: number, into: RowId): boolean {
  const kind = row.kind[index];
  if (kind !== VALUE.BARE && kind !== VALUE.TEXT) return false;
  const short = parseShortInteger(row.source, row.start[index]!, row.end[index]!);
  if (!Number.isNaN(short)) {
    into.value = short;
    into.high = Math.floor(short / TWO_32);
    into.low = (short - into.high * TWO_32) | 0;
    return true;
  }
  const long = parseInteger(row.source, row.start[index]!, row.end[index]!);
  if (long === null || long > LARGEST || long < -LARGEST) return false;
  into.value = long;
  into.high = Number(long >> 32n);
  into.low = Number(BigInt.asIntN(32, long));
  return true;
}

/** The decimal id of a row that goes to quarantine; null when the row shows none. */
export function shownId(row: RowScan, index: number): string | null {
  if (index < 0 || index >= row.recorded) return null;
  const kind = row.kind[index];
  if (kind !== VALUE.BARE && kind !== VALUE.TEXT) return null;
  return parseInteger(row.source, row.start[index]!, row.end[index]!)?.toString() ?? null;
}
