import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { Failure } from '../../../errors.ts';

/** `bytesWritten` counts the bytes it has consumed. */
type ZstdDecompress = Transform & { bytesWritten: number };

/** Node reads zstd since 22.15; before that the program zstd does. */
const { createZstdDecompress } = zlib as { createZstdDecompress?: (options: object) => ZstdDecompress };

/** A frame that asks for a larger window than this was not made by us. */
const LARGEST_WINDOW_LOG = 27;

export async function* unzstd(
  file: AsyncIterable<Buffer>,
  fileBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  yield* createZstdDecompress === undefined
    ? byProgram(file, signal)
    : byNode(createZstdDecompress, file, { fileBytes, signal });
}

async function* byNode(
  create: (options: object) => ZstdDecompress,
  file: AsyncIterable<Buffer>,
  { fileBytes, signal }: { fileBytes: number; signal: AbortSignal },
): AsyncGenerator<Buffer> {
  const decompress = create({ chunkSize: 256 * 1024 });
  const fed = pipeline(Readable.from(file), decompress, { signal });
  // The loop below throws the same error; without a listener here it would end the process first.
  fed.catch(() => {});
  try {
    yield* decompress as AsyncIterable<Buffer>;
    // Node ends with the first frame and ignores bytes behind it. They may never be read, so they are counted instead.
    if (decompress.bytesWritten !== fileBytes) throw unreadable('there is something behind the end of the frame');
    await fed;
  } catch (error) {
    if (signal.aborted || error instanceof Failure) throw error;
    throw unreadable(String((error as Error).message), error);
  } finally {
    decompress.destroy();
  }
}

async function* byProgram(file: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  const zstd = spawn('zstd', ['-d', '-c', '-q', `--long=${LARGEST_WINDOW_LOG}`], {
    env: { PATH: process.env.PATH ?? '' },
  });
  const ended = once(zstd, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const fed = pipeline(Readable.from(file), zstd.stdin, { signal }).then(
    () => null,
    (error: unknown) => error,
  );
  ended.catch(() => {});
  let complaint = '';
  zstd.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(0, 1000)));
  try {
    yield* zstd.stdout as AsyncIterable<Buffer>;
    const [status] = await ended.catch((cause: unknown) => {
      throw programMissing(cause);
    });
    const inputError = await fed;
    if (signal.aborted) throw signal.reason;
    if (inputError instanceof Failure) throw inputError;
    if (status !== 0) throw unreadable(complaint.trim() || `exit status ${status}`, inputError);
    if (inputError !== null) throw inputError;
  } finally {
    zstd.kill('SIGKILL');
  }
}

function unreadable(found: string, cause?: unknown): Failure {
  const cut = /premature end|unexpected end|truncated/i.test(found);
  return new Failure(
    cut ? 'DumpTruncated' : 'DumpCorrupt',
    `Decompressing the transferred dump: zstd says "${found}". It is transferred again.`,
    { cause },
  );
}

function programMissing(cause: unknown): Failure {
  return new Failure(
    'InvalidConfiguration',
    `Decompressing a dump: this Node (${process.version}) has no zstd and the program zstd cannot be started. ` +
      'Install zstd here, run Node 22.15 or later, or set legacy_sync.export.compression to gzip.',
    { cause },
  );
}
