import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Failure } from '../../../errors.ts';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import type { Decompress, DumpBuffers } from './decompress.ts';
import { gunzip } from './gunzip.ts';
import { byProgram, type Decompressor } from './by-program.ts';
import { unzstd } from './unzstd.ts';

/** The path of a local file, or the content in memory. */
export type Dump = string | Buffer;

export interface ReadDumpOptions {
  signal: AbortSignal;
  buffers: DumpBuffers;
  /** Bytes of the file read so far. */
  onProgress?: (bytes: number) => void;
}

const LZ4: Decompressor = {
  program: 'lz4',
  args: ['-d', '-c', '-q'],
  remedy: 'Install lz4 here, or set legacy_sync.export.compression to another tool.',
};

const DECOMPRESS: Record<ExportManifest['compression'], Decompress> = {
  none: (file) => file,
  gzip: gunzip,
  zstd: unzstd,
  lz4: (file, { signal }) => byProgram(LZ4, file, signal),
};

/**
 * Yields a transferred dump, decompressed, in pieces. It throws when a byte has changed since the transfer, or when the file is not exactly
 * one compressed stream (of lz4: frame after frame). The error may come after the last piece, so nothing may be committed before the iteration has ended.
 * @throws Failure DumpTruncated, DumpCorrupt; InvalidConfiguration when this machine cannot read zstd
 */
export async function* readDump(
  dump: Dump,
  manifest: Pick<ExportManifest, 'compression' | 'bytes' | 'sha256'>,
  { signal, buffers, onProgress }: ReadDumpOptions,
): AsyncGenerator<Buffer> {
  await assertSize(dump, manifest.bytes);
  const digest = createHash('sha256');
  let bytes = 0;
  async function* file(): AsyncGenerator<Buffer> {
    const highWaterMark = Math.max(1, Math.min(buffers.pieceBytes, manifest.bytes));
    for await (const piece of piecesOf(dump, highWaterMark, signal)) {
      digest.update(piece);
      bytes += piece.length;
      onProgress?.(bytes);
      yield piece;
    }
  }
  yield* DECOMPRESS[manifest.compression](file(), { fileBytes: manifest.bytes, signal, buffers });
  assertDigest(dump, digest.digest('hex'), manifest.sha256);
}

const piecesOf = (dump: Dump, highWaterMark: number, signal: AbortSignal): AsyncIterable<Buffer> | Buffer[] =>
  typeof dump === 'string' ? createReadStream(dump, { highWaterMark, signal }) : [dump];

const nameOf = (dump: Dump): string => (typeof dump === 'string' ? dump : 'in memory');

/**
 * Verifies the dump's bytes before its content is blamed: a changed bit can look like a renamed column.
 * @throws Failure DumpTruncated, DumpCorrupt
 */
export async function assertIntact(
  dump: Dump,
  manifest: Pick<ExportManifest, 'bytes' | 'sha256'>,
  { signal, buffers }: Pick<ReadDumpOptions, 'signal' | 'buffers'>,
): Promise<void> {
  await assertSize(dump, manifest.bytes);
  const digest = createHash('sha256');
  for await (const piece of piecesOf(dump, buffers.pieceBytes, signal)) digest.update(piece);
  assertDigest(dump, digest.digest('hex'), manifest.sha256);
}

function assertDigest(dump: Dump, found: string, expected: string): void {
  if (found === expected) return;
  throw new Failure(
    'DumpCorrupt',
    `Reading the transferred dump ${nameOf(dump)}: its SHA-256 is ${found} and the manifest says ${expected}. It is transferred again.`,
  );
}

async function assertSize(dump: Dump, expected: number): Promise<void> {
  const size = typeof dump === 'string' ? await sizeOf(dump) : dump.length;
  if (size === expected) return;
  throw new Failure(
    size < expected ? 'DumpTruncated' : 'DumpCorrupt',
    `Reading the transferred dump ${nameOf(dump)}: it has ${size} bytes of ${expected}. It is transferred again.`,
  );
}

async function sizeOf(localFile: string): Promise<number> {
  try {
    return (await stat(localFile)).size;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message = `Reading the transferred dump ${localFile}: ${code}. It is transferred again.`;
    throw new Failure('DumpTruncated', message, { cause });
  }
}
