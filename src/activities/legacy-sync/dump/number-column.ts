import type { NumberSource } from '../../../settings/column-mapping.ts';
import { parseDouble } from './number-value.ts';
import { findText, isEmpty, type TextRange } from './row-text.ts';
import { type RowScan, VALUE } from './row-scanner.ts';

/** A number of a row: NaN when the value is missing or no number. */
export interface NumberColumn {
  /** -1 where the mapping names no column. */
  index: number;
  read: (row: RowScan, index: number) => number;
}

/** Decides once per dump how a column's numbers are read, so that a number without a factor costs no more steps than it needs. */
export function numberColumn(source: NumberSource | undefined, index: number, unit = 1): NumberColumn {
  if (source === undefined || typeof source === 'string') return { index, read: readPlain };
  return { index, read: scaled(source.decimalComma ? readWithComma : readPlain, source.factor * unit) };
}

/** Whether NaN means a value that is no number, and not a missing value. */
export const isBadNumber = (row: RowScan, { index }: NumberColumn, value: number): boolean =>
  Number.isNaN(value) && index >= 0 && !isEmpty(row, index);

export function readPlain(row: RowScan, index: number): number {
  if (index < 0) return Number.NaN;
  const kind = row.kind[index]!;
  if (kind !== VALUE.BARE && kind !== VALUE.TEXT) return Number.NaN;
  return parseDouble(row.source, row.start[index]!, row.end[index]!);
}

/** Divides where it can: the quotient of two whole numbers is the double nearest to 62.0339; a product with 1e-7 is not. */
export function scaled(read: NumberColumn['read'], factor: number): NumberColumn['read'] {
  if (factor === 1) return read;
  const divisor = Math.round(1 / factor);
  if (divisor > 1 && 1 / divisor === factor) return (row, index) => read(row, index) / divisor;
  return (row, index) => read(row, index) * factor;
}

const text: TextRange = { start: 0, end: 0 };
const COMMA = 0x2c;
const scratch = Buffer.alloc(64);

/** Reads `62,0339`. A value with a point and a comma, `1.234,5`, is ambiguous and counts as no number. */
export function readWithComma(row: RowScan, index: number): number {
  if (!findText(row, index, text)) return Number.NaN;
  return parseWithComma(row.source, text.start, text.end);
}

export function parseWithComma(source: Buffer, start: number, end: number): number {
  const comma = source.indexOf(COMMA, start);
  if (comma < 0 || comma >= end) return parseDouble(source, start, end);
  const length = end - start;
  if (length > scratch.length) return Number.NaN;
  source.copy(scratch, 0, start, end);
  if (scratch.subarray(0, length).includes(0x2e)) return Number.NaN;
  scratch[comma - start] = 0x2e;
  return parseDouble(scratch, 0, length);
}
