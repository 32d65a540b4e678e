import { type RowScan, VALUE } from './row-scanner.ts';

/** Where the text of a value begins and ends, without blanks around it. One object is reused for every value. */
export interface TextRange {
  start: number;
  end: number;
}

/** Returns false for NULL, for bytes, and for a text with escapes, which no number and no time has. */
export function findText(row: RowScan, index: number, into: TextRange): boolean {
  const kind = row.kind[index]!;
  if (kind !== VALUE.BARE && kind !== VALUE.TEXT) return false;
  const { source } = row;
  let start = row.start[index]!;
  let end = row.end[index]!;
  while (start < end && source[start] === 0x20) start++;
  while (end > start && source[end - 1] === 0x20) end--;
  into.start = start;
  into.end = end;
  return true;
}

const found: TextRange = { start: 0, end: 0 };

/** Whether the value is NULL or a text of blanks alone, which means the same in tables that keep everything as text. */
export function isEmpty(row: RowScan, index: number): boolean {
  if (row.kind[index] === VALUE.NULL) return true;
  return row.kind[index] === VALUE.TEXT && findText(row, index, found) && found.start === found.end;
}
