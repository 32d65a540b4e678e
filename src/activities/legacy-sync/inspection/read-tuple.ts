import { unescapeText } from '../dump/json-text.ts';
import { beginRow, createRowScan, scanRow, VALUE } from '../dump/row-scanner.ts';

/** The values of `1,'abc',NULL,0xFF` as texts; bytes stay `0x…`. Values behind one that cannot be read are left out. */
export function readTuple(tuple: string, columns: number): (string | null)[] {
  const source = Buffer.from(`${tuple})`);
  const scan = createRowScan(columns);
  scan.source = source;
  beginRow(scan, 0);
  scanRow(scan);
  return Array.from({ length: scan.recorded }, (_, at) => {
    const [start, end] = [scan.start[at]!, scan.end[at]!];
    if (scan.kind[at] === VALUE.NULL) return null;
    const text = scan.kind[at] === VALUE.HEX ? source.subarray(start, end) : unescapeText(source, start, end);
    return scan.kind[at] === VALUE.HEX ? `0x${text.toString('latin1')}` : text.toString('utf8');
  });
}
