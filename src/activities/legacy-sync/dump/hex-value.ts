import { type CopyBuffer, putAscii, reserve } from './copy-buffer.ts';

/** Decodes hex digits of the dump; null when they do not make whole bytes. */
export function hexBytes(source: Buffer, start: number, end: number): Buffer | null {
  if ((end - start) % 2 !== 0) return null;
  // Node stops without an error at the first byte that is no hex digit.
  const bytes = Buffer.from(source.toString('latin1', start, end), 'hex');
  return bytes.length === (end - start) / 2 ? bytes : null;
}

/** Writes bytes as the JSON string `"\\x00ff"`, as PostgreSQL shows a bytea in JSON. */
export function putHexText(out: CopyBuffer, bytes: Buffer): void {
  reserve(out, bytes.length * 2 + 5);
  putAscii(out, '"\\\\x');
  out.length += out.bytes.write(bytes.toString('hex'), out.length, 'latin1');
  putAscii(out, '"');
}
