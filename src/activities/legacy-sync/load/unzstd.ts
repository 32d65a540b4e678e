import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { Failure } from '../../../errors.ts';
import type { DecompressOptions, DumpBuffers } from './decompress.ts';
import { byProgram, type Decompressor, unreadable } from './by-program.ts';

/** ZSTD_d_windowLogMax, which Node before 22.15 does not name. */
const WINDOW_LOG_MAX = 100;

/** `bytesWritten` counts the bytes it has consumed. */
type ZstdDecompress = Transform & { bytesWritten: number };

/** Node reads zstd since 22.15; before that the program zstd does. */
const { createZstdDecompress } = zlib as { createZstdDecompress?: (options: object) => ZstdDecompress };

const byZstd = ({ zstdWindowLog }: DumpBuffers): Decompressor => ({
  program: 'zstd',
  args: ['-d', '-c', '-q', `--long=${zstdWindowLog}`],
  remedy: `This Node (${process.version}) has no zstd: install zstd here, run Node 22.15 or later, or set legacy_sync.export.compression to gzip.`,
});

export async function* unzstd(file: AsyncIterable<Buffer>, options: DecompressOptions): AsyncGenerator<Buffer> {
  yield* createZstdDecompress === undefined
    ? byProgram(byZstd(options.buffers), file, options.signal)
    : byNode(createZstdDecompress, file, options);
}

async function* byNode(
  create: (options: object) => ZstdDecompress,
  file: AsyncIterable<Buffer>,
  { fileBytes, signal, buffers }: DecompressOptions,
): AsyncGenerator<Buffer> {
  const decompress = create({
    chunkSize: buffers.pieceBytes,
    // A frame that asks for a larger window was not made by us.
    params: { [WINDOW_LOG_MAX]: buffers.zstdWindowLog },
  });
  const fed = pipeline(Readable.from(file), decompress, { signal });
  // The loop below throws the same error; without a listener here it would end the process first.
  fed.catch(() => {});
  try {
    yield* decompress as AsyncIterable<Buffer>;
    // Node ends with the first frame and ignores bytes behind it. They may never be read, so they are counted instead.
    if (decompress.bytesWritten !== fileBytes)
      throw unreadable('zstd', 'there is something behind the end of the frame');
    await fed;
  } catch (error) {
    if (signal.aborted || error instanceof Failure) throw error;
    throw unreadable('zstd', String((error as Error).message), error);
  } finally {
    decompress.destroy();
  }
}
