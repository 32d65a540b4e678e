import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { Failure } from '../../../errors.ts';
import type { DecompressOptions } from './decompress.ts';

/**
 * One gzip member, whole and alone. Node's own gunzip goes on with a second member, and cannot be asked where the first one ended;
 * so the frame is read here, the deflated middle by zlib, and length and CRC are compared at the end.
 */
export async function* gunzip(
  file: AsyncIterable<Buffer>,
  { fileBytes, signal, buffers }: DecompressOptions,
): AsyncGenerator<Buffer> {
  const frame = { trailer: Buffer.alloc(0), header: 0 };
  const inflate = zlib.createInflateRaw({
    chunkSize: Math.max(SMALLEST_PIECE, Math.min(buffers.pieceBytes, 8 * fileBytes)),
  });
  const fed = pipeline(Readable.from(withoutFrame(file, frame)), inflate, { signal });
  // The loop below throws the same error; without a listener here it would end the process first.
  fed.catch(() => {});
  let crc = 0;
  let size = 0;
  try {
    for await (const piece of inflate as AsyncIterable<Buffer>) {
      crc = zlib.crc32(piece, crc);
      size = (size + piece.length) % 2 ** 32;
      yield piece;
    }
    // Inflating ends with the stream's last block. Bytes behind it may never be read, so they are counted instead.
    if (inflate.bytesWritten !== fileBytes - frame.header - TRAILER_BYTES) {
      throw corrupt('there is something behind the end of the gzip stream');
    }
    await fed;
  } catch (error) {
    throw signal.aborted ? error : asFailure(error);
  } finally {
    inflate.destroy();
  }
  if (frame.trailer.readUInt32LE(0) !== crc) throw corrupt('its CRC does not fit');
  if (frame.trailer.readUInt32LE(4) !== size) throw corrupt('its length does not fit');
}

/** Inflated content is buffered in pieces of this size, so that a small file takes little memory. */
const SMALLEST_PIECE = 16 * 1024;
/** CRC and length of the content. */
const TRAILER_BYTES = 8;

/** Yields what is between gzip's header and its last eight bytes; both go into `frame`. */
async function* withoutFrame(
  file: AsyncIterable<Buffer>,
  frame: { trailer: Buffer; header: number },
): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  let inBody = false;
  for await (const piece of file) {
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    if (!inBody) {
      const length = headerLength(held);
      if (length === null) continue;
      frame.header = length;
      held = held.subarray(length);
      inBody = true;
    }
    if (held.length <= TRAILER_BYTES) continue;
    yield held.subarray(0, -TRAILER_BYTES);
    held = held.subarray(-TRAILER_BYTES);
  }
  if (!inBody || held.length < TRAILER_BYTES)
    throw new Failure('DumpTruncated', `${READING}: the gzip stream is cut. ${AGAIN}`);
  frame.trailer = Buffer.from(held);
}

const LONGEST_HEADER = 64 * 1024;
const FLAG = { CRC: 2, EXTRA: 4, NAME: 8, COMMENT: 16 };

/** RFC 1952: ten bytes, then what their flags say; null when the header goes on behind the end. */
function headerLength(bytes: Buffer): number | null {
  if (bytes.length > 2 && bytes.readUIntBE(0, 3) !== 0x1f8b08) throw corrupt('it is no gzip file');
  if (bytes.length < 12) return null;
  const flags = bytes[3]!;
  let length = 10;
  if (flags & FLAG.EXTRA) length += 2 + bytes.readUInt16LE(10);
  for (const text of [FLAG.NAME, FLAG.COMMENT]) {
    if ((flags & text) === 0) continue;
    const end = bytes.indexOf(0, length);
    if (end < 0 && bytes.length > LONGEST_HEADER) throw corrupt('its gzip header has no end');
    if (end < 0) return null;
    length = end + 1;
  }
  if (flags & FLAG.CRC) length += 2;
  return bytes.length < length ? null : length;
}

const READING = 'Decompressing the transferred dump';
const AGAIN = 'It is transferred again.';

function corrupt(found: string, cause?: unknown): Failure {
  return new Failure('DumpCorrupt', `${READING}: ${found}. ${AGAIN}`, { cause });
}

function asFailure(error: unknown): unknown {
  if (error instanceof Failure || typeof error !== 'object' || error === null) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  // The content ended too early. A damaged length can look the same, and is tried again in the same way.
  if (code === 'Z_BUF_ERROR') {
    return new Failure('DumpTruncated', `${READING}: the gzip stream is cut. ${AGAIN}`, { cause: error });
  }
  return code?.startsWith('Z_') === true ? corrupt(`gzip says "${message}"`, error) : error;
}
