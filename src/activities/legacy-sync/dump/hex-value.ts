import { type CopyBuffer, putAscii, reserve } from './copy-buffer.ts';

/** Hex digits of the dump as the bytes they stand for; null when they are no whole bytes. */
export function hexBytes(source: Buffer, start: number, end: number): Buffer | null {
  if ((end - start) % 2 !== 0) return null;
  // Decoding stops silently at the first byte that is no hex digit.
  const bytes = Buffer.from(source.toString('latin1', start, end), 'hex');
  return bytes.length === (end - start) / 2 ? bytes : null;
}

/** Bytes as the JSON string `"\\x00ff"`: what PostgreSQL's own bytea looks like in JSON. */
export function putHexText(out: CopyBuffer, bytes: Buffer): void {
  reserve(out, bytes.length * 2 + 5);
  putAscii(out, '"\\\\x');
  out.length += out.bytes.write(bytes.toString('hex'), out.length, 'latin1');
  putAscii(out, '"');
}
