import { unescapeText } from './json-text.ts';
import { type RowScan, VALUE } from './row-scanner.ts';

/** Whether the row's vehicle is the one asked for, as MySQL's `=` in the export's WHERE saw it. */
export function isSameVehicle(row: RowScan, index: number, legacyVehicleId: string): boolean {
  const start = row.start[index]!;
  const length = row.end[index]! - start;
  if (length === legacyVehicleId.length) {
    let at = 0;
    while (at < length && row.source[start + at] === legacyVehicleId.charCodeAt(at)) at++;
    if (at === length) return row.kind[index] !== VALUE.NULL;
  }
  return row.kind[index] !== VALUE.NULL && isEqualInMysql(textOf(row, index), legacyVehicleId);
}

function textOf(row: RowScan, index: number): string {
  const [start, end] = [row.start[index]!, row.end[index]!];
  if (row.kind[index] === VALUE.HEX) return Buffer.from(row.source.toString('latin1', start, end), 'hex').toString();
  return unescapeText(row.source, start, end).toString();
}

/** MySQL's usual collations know neither case, accents nor spaces at the end, and numbers have no leading zeros. */
function isEqualInMysql(one: string, other: string): boolean {
  const folded = [one, other].map((text) => text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase().trimEnd());
  if (folded[0] === folded[1]) return true;
  return folded.every((text) => /^-?\d+$/.test(text)) && BigInt(folded[0]!) === BigInt(folded[1]!);
}
