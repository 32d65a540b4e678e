/** A growing buffer of tuples for a binary COPY. It has plain fields, because the loops that fill it access `bytes` directly. */
export interface CopyBuffer {
  bytes: Buffer;
  view: DataView;
  length: number;
  /** The bytes of storage that the next piece gets with its first row. */
  firstSize: number;
}

/**
 * A delta of a vehicle, and the overlap of any range, need little storage. After a larger piece the next one begins with a bit more than
 * that piece needed: storage that is a little too small would be copied into twice as much each time.
 */
const FIRST_SIZE = 32 * 1024;
const LARGEST_FIRST_SIZE = 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export function createCopyBuffer(): CopyBuffer {
  return { bytes: NOTHING, view: viewOf(NOTHING), length: 0, firstSize: FIRST_SIZE };
}

/** Makes room for `size` more bytes. */
export function reserve(out: CopyBuffer, size: number): void {
  if (out.length + size > out.bytes.length) grow(out, out.length + size);
}

/** Returns the bytes written so far and empties the buffer. */
export function takeBytes(out: CopyBuffer): Buffer {
  const taken = out.bytes.subarray(0, out.length);
  out.firstSize = taken.length > FIRST_SIZE ? firstSizeAfter(out, taken.length) : FIRST_SIZE;
  out.bytes = NOTHING;
  out.view = viewOf(NOTHING);
  out.length = 0;
  return taken;
}

/** The first size never shrinks while pieces are large, because their sizes vary. A single huge row raises it only to a limit. */
const firstSizeAfter = ({ firstSize }: CopyBuffer, length: number): number =>
  Math.min(LARGEST_FIRST_SIZE, Math.max(firstSize, length + (length >>> 3)));

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
  // MySQL has no NaN, so the converter uses NaN for NULL.
  if (Number.isNaN(value)) {
    view.setInt32(length, -1);
    out.length = length + 4;
    return;
  }
  view.setInt32(length, 8);
  view.setFloat64(length + 4, value);
  out.length = length + 12;
}

/** Copies bytes without a length in a loop: for so few bytes a native call costs more. The caller has reserved the room. */
export function putBytes(out: CopyBuffer, source: Uint8Array, start: number, end: number): void {
  const { bytes } = out;
  let length = out.length;
  for (let at = start; at < end; at++) bytes[length++] = source[at]!;
  out.length = length;
}

/** ASCII text without a length; the caller has reserved the room. */
export function putAscii(out: CopyBuffer, text: string): void {
  out.length += out.bytes.write(text, out.length, 'latin1');
}

function grow(out: CopyBuffer, needed: number): void {
  // Not from Node's pool, because the socket gets the whole buffer, which is never written again.
  const bytes = Buffer.allocUnsafeSlow(Math.max(needed, out.firstSize, 2 * out.bytes.length));
  out.bytes.copy(bytes, 0, 0, out.length);
  out.bytes = bytes;
  out.view = viewOf(bytes);
}

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
