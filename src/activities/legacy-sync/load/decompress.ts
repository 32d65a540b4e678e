import type { SlotBuffers } from '../../../settings/slot-buffers.ts';

export type DumpBuffers = Pick<SlotBuffers, 'pieceBytes' | 'zstdWindowLog'>;

export interface DecompressOptions {
  fileBytes: number;
  signal: AbortSignal;
  buffers: DumpBuffers;
}

/** Decompresses a dump; throws when the bytes do not end where the compressed stream does. */
export type Decompress = (file: AsyncIterable<Buffer>, options: DecompressOptions) => AsyncIterable<Buffer>;
