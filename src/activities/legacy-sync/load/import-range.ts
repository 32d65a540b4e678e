import type pg from 'pg';
import { sqlState } from '../../../connections/database-errors.ts';
import { Failure } from '../../../errors.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { ExportManifest, RangeTotals, VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import { createDumpConverter, type DumpConverter } from '../dump/dump-converter.ts';
import type { ConverterSummary, SeenRows } from '../dump/row-intake.ts';
import type { VehicleContext } from '../vehicle/vehicle-context.ts';
import { importFailure } from './import-failure.ts';
import { keepQuarantined } from './quarantine-rows.ts';
import { createQuarantineWatch, type QuarantineWatch } from './quarantine-watch.ts';
import { createRangeLoader, type RangeLoader } from './range-loader.ts';
import { assertNextRange, recordRange } from './range-records.ts';
import { type ImportDependencies, inRangeTransaction } from './range-transaction.ts';
import { type Dump, assertIntact, readDump } from './read-dump.ts';
import { mergeStaged } from './staged-rows.ts';

export interface ImportInput {
  key: VehicleSyncKey;
  manifest: Omit<ExportManifest, 'file'>;
  /**
   * Which rows the manifest counts: all of the dump's, or those above its watermark, where nobody but the planning counted. Only what
   * goes straight into positions is told apart: where rows are loaded with care, the latter never fits.
   */
  counted: 'all' | 'new';
  dump: Dump;
  context: Pick<VehicleContext, 'vehicle' | 'server' | 'tableColumns'> & {
    sync: Pick<VehicleContext['sync'], 'mode'>;
  };
  settings: Pick<LegacySyncSettings, 'quarantineMaxPercent' | 'quarantineMinRows' | 'overlapIds'>;
  signal: AbortSignal;
  /** Rows converted and bytes of the file read so far. */
  onProgress?: (rows: number, bytes: number) => void;
}

/**
 * Imports one range: positions, quarantine, ledger and watermark in one transaction, so it is there once or not at all. A range that
 * the ledger has is not imported again; its recorded totals are the answer, which is also how a lost answer to COMMIT ends.
 * @throws Failure DumpTruncated, DumpCorrupt, DumpRowCountMismatch, SchemaDrift, QuarantineThresholdExceeded, WatermarkMoved,
 *   NoClaim, DatabaseUnavailable, DatabaseDiskFull, ImportFailed; the signal's reason when it was aborted
 */
export async function importRange(deps: ImportDependencies, input: ImportInput): Promise<RangeTotals> {
  const { key, manifest, counted, signal, settings, context } = input;
  signal.throwIfAborted();
  const watch = createQuarantineWatch(key.vehicleId, counted === 'all' ? manifest.rows : null, settings);
  try {
    return await inRangeTransaction(deps, { ...key, toId: manifest.toId }, signal, async (client, onAbort) => {
      await assertNextRange(client, key, manifest.watermark);
      const { totals, seen } = await load(client, input, watch, onAbort);
      const window = { fromId: seenFromId(input), ...seen };
      await recordRange(client, key, manifest, { mode: context.sync.mode, totals, seen: window });
      return totals;
    });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof Failure && CONTENT_IS_BLAMED.has(error.code)) {
      await assertIntact(input.dump, manifest, signal);
      await keepSample(deps.pool, key, watch);
    }
    throw importFailure(error, key.vehicleId);
  }
}

/** Failures that nobody tries again: the file must be the right one before they are believed. */
const CONTENT_IS_BLAMED: ReadonlySet<string> = new Set(['SchemaDrift', 'QuarantineThresholdExceeded']);

/**
 * The window whose rows planning looks at again later, to notice what committed late behind a vehicle that has nothing new: as far below
 * the range's end as an overlap reaches, and no further than the file does.
 */
function seenFromId({ manifest, settings }: ImportInput): bigint {
  const below = BigInt(manifest.toId) - BigInt(settings.overlapIds);
  const fileFrom = BigInt(manifest.fromId) - 1n;
  return below > fileFrom ? below : fileFrom;
}

interface Loaded {
  totals: RangeTotals;
  seen: SeenRows;
}

type OnAbort = (stop: (reason: Error) => void) => void;

/** Rows above the watermark go straight into positions. Where one of them is there against all expectation, all are loaded with care. */
async function load(
  client: pg.PoolClient,
  input: ImportInput,
  watch: QuarantineWatch,
  onAbort: OnAbort,
): Promise<Loaded> {
  const everything = BigInt(input.manifest.toId);
  if (input.context.sync.mode === 'full') return loadUpTo(everything, client, input, watch, onAbort);
  await client.query('SAVEPOINT direct');
  try {
    return await loadUpTo(BigInt(input.manifest.watermark), client, input, watch, onAbort);
  } catch (error) {
    if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
  }
  await client.query('ROLLBACK TO SAVEPOINT direct');
  watch.restart();
  return loadUpTo(everything, client, input, watch, onAbort);
}

const UNIQUE_VIOLATION = '23505';

/** Reads the whole file; rows with an id up to `watermark` may be there already. */
async function loadUpTo(
  watermark: bigint,
  client: pg.PoolClient,
  input: ImportInput,
  watch: QuarantineWatch,
  onAbort: OnAbort,
): Promise<Loaded> {
  const { key, manifest } = input;
  const converter = converterFor(input, watermark);
  const loader = createRangeLoader(client, key, converter, watch);
  onAbort(loader.abort);
  try {
    const summary = await convertAndLoad(input, converter, loader);
    watch.conclude(summary.rows);
    const { direct, staged } = loader.rows();
    assertAllLoaded(key.vehicleId, summary, direct, staged);
    const { vehicleId } = key;
    const { fromId, toId } = manifest;
    const merge = { vehicleId, rows: staged, days: summary.overlapDays, fromId, toId };
    const merged = staged === 0 ? 0 : await mergeStaged(client, merge);
    const totals = {
      ranges: 1,
      rows: summary.rows,
      inserted: direct + merged,
      duplicates: staged - merged,
      quarantined: summary.quarantined,
      bytes: manifest.bytes,
    };
    return { totals, seen: summary.seen };
  } catch (error) {
    loader.abort(new Error('The import failed.'));
    throw error;
  }
}

/** Nothing is final before the last byte: a cut or damaged file may show it only behind its last piece. */
async function convertAndLoad(
  input: ImportInput,
  converter: DumpConverter,
  loader: RangeLoader,
): Promise<ConverterSummary> {
  const { dump, manifest, signal, onProgress } = input;
  let bytes = 0;
  for await (const piece of readDump(dump, manifest, { signal, onProgress: (read) => (bytes = read) })) {
    converter.write(piece);
    onProgress?.(converter.rows(), bytes);
    await loader.take();
    signal.throwIfAborted();
  }
  const summary = converter.end();
  assertComplete(input, summary);
  await loader.take(true);
  return summary;
}

function assertComplete({ key, manifest, counted }: ImportInput, { rows, newRows }: ConverterSummary): void {
  const found = counted === 'all' ? rows : newRows;
  if (found === manifest.rows) return;
  const which = counted === 'all' ? 'rows' : `rows above ${manifest.watermark}`;
  throw new Failure(
    'DumpRowCountMismatch',
    `Importing positions of vehicle ${key.vehicleId}: the dump has ${found} ${which}, and ${manifest.rows} were counted. ` +
      'Nothing was imported; the range is exported again.',
  );
}

function converterFor(input: ImportInput, watermark: bigint): DumpConverter {
  const { key, manifest, context } = input;
  const { vehicle, server, tableColumns } = context;
  return createDumpConverter({
    table: vehicle.table,
    tableColumns,
    vehicleId: key.vehicleId,
    legacyVehicleId: vehicle.legacyVehicleId,
    columns: server.columns,
    values: server.values,
    timeZone: server.timeZone,
    fromId: BigInt(manifest.fromId),
    watermark,
    toId: BigInt(manifest.toId),
    seenFromId: seenFromId(input),
    now: Date.now,
  });
}

function assertAllLoaded(vehicleId: string, summary: ConverterSummary, direct: number, staged: number): void {
  if (direct === summary.fresh && staged === summary.overlap) return;
  throw new Failure(
    'ImportFailed',
    `Importing positions of vehicle ${vehicleId}: ${summary.fresh} new and ${summary.overlap} overlapping rows were sent and PostgreSQL took ` +
      `${direct} and ${staged}. Nothing was imported. This is a case fleetgraph does not know: please report it.`,
  );
}

/** The refused range is rolled back, and some of its bad rows are kept beside it. That must not hide why it was refused. */
async function keepSample(pool: pg.Pool, key: VehicleSyncKey, { sample }: QuarantineWatch): Promise<void> {
  await keepQuarantined(pool, key, sample).catch(() => {});
}
