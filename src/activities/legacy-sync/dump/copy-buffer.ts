/** Tuples of a binary COPY, growing. Plain fields and functions: the loops that fill it read `bytes` directly. */
export interface CopyBuffer {
  bytes: Buffer;
  view: DataView;
  length: number;
  /** Bytes of storage that the next piece begins with; there is none before its first row. */
  firstSize: number;
}

/** A delta of a vehicle, and the overlap of any range, fit into little; what filled one piece will fill the next. */
const FIRST_SIZE = 32 * 1024;
const FULL_SIZE = 320 * 1024;
const NOTHING = Buffer.alloc(0);

export function createCopyBuffer(): CopyBuffer {
  return { bytes: NOTHING, view: viewOf(NOTHING), length: 0, firstSize: FIRST_SIZE };
}

/** Makes room for `size` more bytes. */
export function reserve(out: CopyBuffer, size: number): void {
  if (out.length + size > out.bytes.length) grow(out, out.length + size);
}

/** What was written so far; the buffer starts anew. */
export function takeBytes(out: CopyBuffer): Buffer {
  const taken = out.bytes.subarray(0, out.length);
  out.firstSize = taken.length > FIRST_SIZE ? FULL_SIZE : FIRST_SIZE;
  out.bytes = NOTHING;
  out.view = viewOf(NOTHING);
  out.length = 0;
  return taken;
}

/** A field of eight bytes; the caller has reserved the room. */
export function putInt64(out: CopyBuffer, high: number, low: number): void {
  const { view, length } = out;
  view.setInt32(length, 8);
  view.setInt32(length + 4, high);
  view.setInt32(length + 8, low);
  out.length = length + 12;
}

/** A field of eight bytes, or NULL for NaN; the caller has reserved the room. */
export function putDouble(out: CopyBuffer, value: number): void {
  const { view, length } = out;
  // MySQL has no NaN, so it can stand for NULL on the way here.
  if (Number.isNaN(value)) {
    view.setInt32(length, -1);
    out.length = length + 4;
    return;
  }
  view.setInt32(length, 8);
  view.setFloat64(length + 4, value);
  out.length = length + 12;
}

/** Bytes without any framing, copied in a loop: for these few a call out of JavaScript costs more. The caller has reserved the room. */
export function putBytes(out: CopyBuffer, source: Uint8Array, start: number, end: number): void {
  const { bytes } = out;
  let length = out.length;
  for (let at = start; at < end; at++) bytes[length++] = source[at]!;
  out.length = length;
}

/** ASCII text without any framing; the caller has reserved the room. */
export function putAscii(out: CopyBuffer, text: string): void {
  out.length += out.bytes.write(text, out.length, 'latin1');
}

function grow(out: CopyBuffer, needed: number): void {
  // Of its own, not of Node's pool: the whole buffer is handed to the socket and never written again.
  const bytes = Buffer.allocUnsafeSlow(Math.max(needed, out.firstSize, 2 * out.bytes.length));
  out.bytes.copy(bytes, 0, 0, out.length);
  out.bytes = bytes;
  out.view = viewOf(bytes);
}

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
