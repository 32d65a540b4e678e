import { unescapeText } from './json-text.ts';
import { type RowScan, VALUE } from './row-scanner.ts';

/** The vehicle a dump is of. */
export interface VehicleKey {
  text: string;
  /** Its UTF-8, a character per byte: a plate in Cyrillic is compared as quickly as a number. */
  bytes: string;
}

export const vehicleKey = (text: string): VehicleKey => ({ text, bytes: Buffer.from(text).toString('latin1') });

/** Whether the row's vehicle is the one asked for, as MySQL's `=` in the export's WHERE saw it. */
export function isSameVehicle(row: RowScan, index: number, { text, bytes }: VehicleKey): boolean {
  const start = row.start[index]!;
  const length = row.end[index]! - start;
  if (length === bytes.length) {
    let at = 0;
    while (at < length && row.source[start + at] === bytes.charCodeAt(at)) at++;
    if (at === length) return row.kind[index] !== VALUE.NULL;
  }
  return row.kind[index] !== VALUE.NULL && isEqualInMysql(vehicleText(row, index), text);
}

/** The value of a row's vehicle column as text. */
export function vehicleText(row: RowScan, index: number): string {
  const [start, end] = [row.start[index]!, row.end[index]!];
  if (row.kind[index] === VALUE.HEX) return Buffer.from(row.source.toString('latin1', start, end), 'hex').toString();
  return unescapeText(row.source, start, end).toString();
}

const isEqualInMysql = (one: string, other: string): boolean => foldVehicle(one) === foldVehicle(other);

/** MySQL's usual collations know neither case, accents nor spaces at the end, and numbers have no leading zeros. */
export function foldVehicle(text: string): string {
  const folded = text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase().trimEnd();
  return /^-?\d+$/.test(folded) ? String(BigInt(folded)) : folded;
}
