import type pg from 'pg';
import { sqlState } from '../../../connections/database-errors.ts';
import { Failure } from '../../../errors.ts';
import type { DumpConverter } from '../dump/dump-converter.ts';
import type { ConverterSummary } from '../dump/row-intake.ts';
import type { WorkPace } from './work-pace.ts';
import type { RangeLoader } from './range-loader.ts';
import type { DumpBuffers } from './decompress.ts';
import { type Dump, readDump } from './read-dump.ts';

const UNIQUE_VIOLATION = '23505';

/** Loads rows above the watermarks straight into positions. If one of them is there already, all rows go by way of the staging table instead. */
export async function directOrStaged<T>(
  client: pg.PoolClient,
  ways: { direct: () => Promise<T>; staged: () => Promise<T> },
): Promise<T> {
  await client.query('SAVEPOINT direct');
  try {
    return await ways.direct();
  } catch (error) {
    if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
  }
  await client.query('ROLLBACK TO SAVEPOINT direct');
  return ways.staged();
}

export interface DumpToLoad {
  dump: Dump;
  manifest: Parameters<typeof readDump>[1];
  signal: AbortSignal;
  /** Rows converted and bytes of the file read so far. */
  onProgress?: ((rows: number, bytes: number) => void) | undefined;
  /** Resolves when this process may go on with the next piece. */
  buffers: DumpBuffers;
  pace?: WorkPace | undefined;
  /** Throws unless the dump has the rows that were counted. */
  assertComplete(summary: ConverterSummary): void;
}

/** Converts and sends piece by piece. Nothing may be committed before it returns: a cut or damaged dump may show only at its last byte. */
export async function convertAndLoad(
  { dump, manifest, signal, onProgress, buffers, pace, assertComplete }: DumpToLoad,
  converter: DumpConverter,
  loader: RangeLoader,
): Promise<ConverterSummary> {
  let bytes = 0;
  for await (const piece of readDump(dump, manifest, { signal, buffers, onProgress: (read) => (bytes = read) })) {
    converter.write(piece);
    onProgress?.(converter.rows(), bytes);
    await loader.take();
    await pace?.(signal, piece.length);
    signal.throwIfAborted();
  }
  const summary = converter.end();
  assertComplete(summary);
  await loader.take(true);
  return summary;
}

/** `what` is imported. Errors: ImportFailed, when PostgreSQL took other rows than were sent. */
export function assertAllLoaded(
  what: string,
  summary: ConverterSummary,
  { direct, staged }: ReturnType<RangeLoader['rows']>,
): void {
  if (direct === summary.fresh && staged === summary.overlap) return;
  throw new Failure(
    'ImportFailed',
    `Importing ${what}: ${summary.fresh} new and ${summary.overlap} overlapping rows were sent and PostgreSQL took ` +
      `${direct} and ${staged}. Nothing was imported. This is a case fleetgraph does not know: please report it.`,
  );
}
