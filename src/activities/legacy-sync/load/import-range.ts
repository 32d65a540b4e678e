import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import { assertNextRange, recordRange } from '../../../records/import-ledger.ts';
import { overlapOf } from '../../../settings/overlap.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { type SlotBuffers, type SlotLimits, slotBuffers } from '../../../settings/slot-buffers.ts';
import type { ExportManifest, RangeTotals, VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import { createDumpConverter, type DumpConverter } from '../dump/dump-converter.ts';
import type { ConverterSummary } from '../dump/row-intake.ts';
import type { RowMark, SeenRows } from '../../../records/synced-vehicles.ts';
import type { VehicleContext } from '../vehicle-context.ts';
import { assertAllLoaded, convertAndLoad, directOrStaged, type DumpToLoad } from './convert-and-load.ts';
import { findGivenAnew, givenAnew } from './ids-given-anew.ts';
import { importFailure } from './import-failure.ts';
import { keepQuarantined } from '../../../records/quarantine.ts';
import { createQuarantineWatch, type QuarantineWatch } from './quarantine-watch.ts';
import { createRangeLoader } from './range-loader.ts';
import { type ImportDependencies, inRangeTransaction } from './range-transaction.ts';
import { type Dump, assertIntact } from './read-dump.ts';
import { idNotUnique } from './repeated-id.ts';
import { type MergedRows, mergeStaged, NOTHING_MERGED } from './staged-rows.ts';

export interface ImportInput {
  key: VehicleSyncKey;
  manifest: Omit<ExportManifest, 'file'>;
  /**
   * Which rows of the dump the manifest counts: all of them, or those above its watermark when only planning has counted. Only rows that go
   * straight into positions are told apart, so `new` never fits a range that is loaded by way of the staging table.
   */
  counted: 'all' | 'new';
  dump: Dump;
  context: Pick<VehicleContext, 'vehicle' | 'server' | 'tableColumns'> & {
    sync: Pick<VehicleContext['sync'], 'mode'>;
  };
  settings: Pick<LegacySyncSettings, 'quarantineMaxPercent' | 'quarantineMinRows' | 'overlapIds' | 'overlapSeconds'> &
    SlotLimits;
  signal: AbortSignal;
  /** Rows converted and bytes of the file read so far. */
  onProgress?: (rows: number, bytes: number) => void;
  pace?: DumpToLoad['pace'];
}

/**
 * Imports one range: positions, quarantine, ledger and watermark in one transaction, so it is there once or not at all. A range that
 * the ledger has is not imported again; its recorded totals are the answer, which is also how a lost answer to COMMIT ends.
 * @throws Failure DumpTruncated, DumpCorrupt, DumpRowCountMismatch, SchemaDrift, QuarantineThresholdExceeded, WatermarkMoved,
 *   SourceReset, NoClaim, DatabaseUnavailable, DatabaseDiskFull, ImportFailed; the signal's reason when it was aborted
 */
export async function importRange(deps: ImportDependencies, input: ImportInput): Promise<RangeTotals> {
  const { key, manifest, counted, signal, settings, context } = input;
  signal.throwIfAborted();
  const { withoutFixMaxPercent } = context.server.values;
  const buffers = slotBuffers(settings);
  const limits = { ...settings, ...buffers, withoutFixMaxPercent };
  const watch = createQuarantineWatch(key.vehicleId, counted === 'all' ? manifest.rows : null, limits);
  try {
    return await inRangeTransaction(
      deps,
      { range: { ...key, toId: manifest.toId }, signal },
      async (client, onAbort) => {
        await assertNextRange(client, key, manifest.watermark);
        const { totals, seen, marks, withoutFix } = await load(client, { input, buffers, watch, onAbort });
        const window = { fromId: seenFromId(input), ...seen, marks: isOneColumn(input) ? marks : [] };
        const newestSeconds = marks[0]?.[1] ?? null;
        const imported = { manifest, mode: context.sync.mode, totals, withoutFix, newestSeconds };
        await recordRange(client, key, { ...imported, seen: window });
        return totals;
      },
    );
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof Failure && CONTENT_IS_BLAMED.has(error.code)) {
      await assertIntact(input.dump, manifest, { signal, buffers });
      await keepSample(deps.pool, key, watch);
    }
    throw importFailure(error, key.vehicleId);
  }
}

/** These failures are not tried again, so the file is verified before its content is blamed. */
const CONTENT_IS_BLAMED: ReadonlySet<string> = new Set(['SchemaDrift', 'QuarantineThresholdExceeded']);

/**
 * The lower end of the window whose rows planning compares later, so that rows which committed late are noticed although the vehicle has
 * no new ones. It lies an overlap below the range's end, but not below the file's first row.
 */
function seenFromId({ manifest, settings, context }: ImportInput): bigint {
  const below = BigInt(manifest.toId) - BigInt(overlapOf(context.server.columns, settings));
  const fileFrom = BigInt(manifest.fromId) - 1n;
  return below > fileFrom ? below : fileFrom;
}

/** An id that is made of a row's time is another one as soon as the time is. */
const isOneColumn = ({ context }: ImportInput): boolean => typeof context.server.columns.id === 'string';

interface Loaded {
  totals: RangeTotals;
  /** Rows of the totals that are kept nowhere. */
  withoutFix: number;
  seen: SeenRows;
  marks: RowMark[];
}

interface LoadParts {
  input: ImportInput;
  buffers: SlotBuffers;
  watch: QuarantineWatch;
  onAbort(stop: (reason: Error) => void): void;
}

function load(client: pg.PoolClient, parts: LoadParts): Promise<Loaded> {
  const { input, watch } = parts;
  const everything = BigInt(input.manifest.toId);
  const staged = () => loadUpTo(everything, client, parts);
  if (input.context.sync.mode === 'full') return staged();
  return directOrStaged(client, {
    direct: () => loadUpTo(BigInt(input.manifest.watermark), client, parts),
    staged: () => {
      watch.restart();
      return staged();
    },
  });
}

/** Reads the whole file; rows with an id up to `watermark` may be in positions already, so they go by way of the staging table. */
async function loadUpTo(
  watermark: bigint,
  client: pg.PoolClient,
  { input, buffers, watch, onAbort }: LoadParts,
): Promise<Loaded> {
  const { key, manifest } = input;
  const converter = converterFor(input, watermark);
  const loader = createRangeLoader({ client, key, converter, watch, buffers });
  onAbort(loader.abort);
  try {
    const assertComplete = (found: ConverterSummary): void => assertCounted(input, found);
    const summary = await convertAndLoad({ ...input, buffers, assertComplete }, converter, loader);
    watch.conclude(summary.rows, summary.withoutFix);
    const { direct, staged } = loader.rows();
    assertAllLoaded(`positions of vehicle ${key.vehicleId}`, summary, { direct, staged });
    const { vehicleId } = key;
    const { fromId, toId } = manifest;
    const merge = { vehicleIds: [vehicleId], rows: staged, days: summary.overlapDays, fromId, toId };
    const rows = staged === 0 ? NOTHING_MERGED : await mergeStaged(client, merge);
    const counts = converter.vehicles().get(vehicleId);
    const repeatedId = counts?.repeatedId ?? rows.repeated.get(vehicleId) ?? null;
    if (repeatedId !== null) throw idNotUnique(vehicleId, repeatedId);
    await refuseGivenAnew(client, input, rows);
    const merged = rows.inserted.get(vehicleId) ?? 0;
    const totals = {
      ranges: 1,
      rows: summary.rows,
      inserted: direct + merged,
      duplicates: staged - merged,
      quarantined: summary.quarantined,
      bytes: manifest.bytes,
    };
    return { totals, withoutFix: summary.withoutFix, seen: summary.seen, marks: counts?.marks ?? [] };
  } catch (error) {
    loader.abort(new Error('The import failed.'));
    throw error;
  }
}

/** @throws Failure SourceReset */
async function refuseGivenAnew(client: pg.PoolClient, input: ImportInput, merged: MergedRows): Promise<void> {
  if (!isOneColumn(input)) return;
  const { runId, vehicleId } = input.key;
  const judged = { runId, fromIds: new Map([[vehicleId, BigInt(input.manifest.fromId)]]) };
  const found = (await findGivenAnew(client, judged, merged)).get(vehicleId);
  if (found !== undefined) throw givenAnew(found);
}

function assertCounted({ key, manifest, counted }: ImportInput, { rows, newRows }: ConverterSummary): void {
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

/** Keeps some bad rows of a range that was refused and rolled back. A failure to keep them must not hide why the range was refused. */
async function keepSample(pool: pg.Pool, key: VehicleSyncKey, { sample }: QuarantineWatch): Promise<void> {
  await keepQuarantined(pool, key, sample).catch(() => {});
}
