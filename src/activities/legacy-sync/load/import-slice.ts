import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import {
  readSliceLedger,
  readSliceVehicles,
  recordSlice,
  type SliceVehicle,
  type SliceVehicleCounts,
} from '../../../records/imported-slices.ts';
import type { TableColumn } from '../../../records/legacy-tables.ts';
import { leaveOut } from '../../../records/table-reads.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { type SlotLimits, slotBuffers } from '../../../settings/slot-buffers.ts';
import type { ExportManifest, RangeTotals, VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import { createDumpConverter, type DumpConverter } from '../dump/dump-converter.ts';
import type { ConverterSummary } from '../dump/row-intake.ts';
import type { VehicleCounts, WantedRows } from '../dump/vehicle-lane.ts';
import { assertAllLoaded, convertAndLoad, directOrStaged, type DumpToLoad } from './convert-and-load.ts';
import { findGivenAnew } from './ids-given-anew.ts';
import { importFailure } from './import-failure.ts';
import { createQuarantineWatch, type QuarantineWatch } from './quarantine-watch.ts';
import { createRangeLoader } from './range-loader.ts';
import { type ImportDependencies, inRangeTransaction } from './range-transaction.ts';
import { type Dump, assertIntact } from './read-dump.ts';
import { type MergedRows, mergeStaged, NOTHING_MERGED } from './staged-rows.ts';

export interface SliceInput {
  /** Of the slice: what is called vehicleId names it. */
  key: VehicleSyncKey;
  readId: string;
  number: number;
  table: string;
  server: LegacyServer;
  tableColumns: TableColumn[];
  /** `rows` null: nobody but the dump itself counted them. null as a whole: the table has no row there. */
  manifest: (Omit<ExportManifest, 'file' | 'rows'> & { rows: number | null }) | null;
  fromId: string;
  toId: string;
  dump: Dump;
  settings: Pick<LegacySyncSettings, 'quarantineMaxPercent' | 'quarantineMinRows'> & SlotLimits;
  signal: AbortSignal;
  /** Rows converted and bytes of the file read so far. */
  onProgress?: (rows: number, bytes: number) => void;
  pace?: DumpToLoad['pace'];
}

/** Vehicles that this dump must not be imported for; the others are imported in another go. */
class UnfitVehicles extends Error {
  readonly reasons: ReadonlyMap<string, string>;

  constructor(reasons: ReadonlyMap<string, string>) {
    super(`${reasons.size} vehicles have to be read by themselves`);
    this.reasons = reasons;
  }
}

/** A vehicle that is left out stays so, and the next go has one vehicle less. Only an error of the program needs more goes than this. */
const MOST_GOES = 5;

/**
 * Imports one slice of a table: the rows of all vehicles of its read, quarantine, ledger and watermarks in one transaction, so it is there
 * once or not at all. Vehicles with too many bad rows, or whose rows cannot be told for certain, are left out, and the others are imported.
 * @throws Failure DumpTruncated, DumpCorrupt, DumpRowCountMismatch, SchemaDrift, NoClaim, DatabaseUnavailable, DatabaseDiskFull,
 *   ImportFailed; the signal's reason when it was aborted
 */
export async function importSlice(deps: ImportDependencies, input: SliceInput): Promise<RangeTotals> {
  const { key, readId, signal, manifest } = input;
  signal.throwIfAborted();
  try {
    for (let go = 1; ; go += 1) {
      try {
        return await importFit(deps, input);
      } catch (error) {
        if (!(error instanceof UnfitVehicles) || go === MOST_GOES) throw error;
        await leaveOut(deps.pool, readId, error.reasons);
      }
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (manifest !== null && error instanceof Failure && error.code === 'SchemaDrift') {
      await assertIntact(input.dump, manifest, { signal, buffers: slotBuffers(input.settings) });
    }
    throw importFailure(error, key.vehicleId);
  }
}

function importFit(deps: ImportDependencies, input: SliceInput): Promise<RangeTotals> {
  const { key, readId, number, signal, manifest } = input;
  const range = { ...key, toId: input.toId };
  const recorded = (client: pg.PoolClient) => readSliceLedger(client, key);
  return inRangeTransaction(deps, { range, signal, recorded }, async (client, onAbort) => {
    const vehicles = await readSliceVehicles(client, readId);
    const loaded = manifest === null ? NOTHING_LOADED : await load(client, { input, vehicles, onAbort });
    const { totals, skipped, withoutFix } = loaded;
    const sha256 = manifest?.sha256 ?? NO_DUMP;
    await recordSlice(client, { key, readId, number, sha256, skipped, withoutFix, totals, vehicles: loaded.vehicles });
    return totals;
  });
}

const NOTHING: RangeTotals = { ranges: 1, rows: 0, inserted: 0, duplicates: 0, quarantined: 0, bytes: 0 };
const NOTHING_LOADED: Loaded = { totals: NOTHING, skipped: 0, withoutFix: 0, vehicles: [] };
const NO_DUMP = '0'.repeat(64);

interface Loaded {
  totals: RangeTotals;
  skipped: number;
  withoutFix: number;
  vehicles: SliceVehicleCounts[];
}

interface LoadParts {
  input: SliceInput;
  vehicles: SliceVehicle[];
  onAbort(stop: (reason: Error) => void): void;
}

function load(client: pg.PoolClient, parts: LoadParts): Promise<Loaded> {
  return directOrStaged(client, {
    direct: () => loadWith(client, parts, parts.vehicles),
    staged: () => loadWith(client, parts, parts.vehicles.map(allStaged)),
  });
}

const allStaged = (vehicle: SliceVehicle): WantedRows => ({
  ...vehicle,
  watermark: vehicle.toId,
  newAbove: vehicle.watermark,
});

async function loadWith(
  client: pg.PoolClient,
  { input, vehicles, onAbort }: LoadParts,
  wanted: WantedRows[],
): Promise<Loaded> {
  const converter = converterFor(input, wanted);
  const watch = watchVehicles(input);
  const buffers = slotBuffers(input.settings);
  const loader = createRangeLoader({ client, key: input.key, converter, watch, buffers });
  onAbort(loader.abort);
  try {
    const assertComplete = (found: ConverterSummary): void => assertCounted(input, found);
    const summary = await convertAndLoad(
      { ...input, manifest: input.manifest!, buffers, assertComplete },
      converter,
      loader,
    );
    watch.assertFit(converter);
    const { direct, staged } = loader.rows();
    assertAllLoaded(input.key.vehicleId, summary, { direct, staged });
    const found = converter.vehicles();
    const { fromId, toId } = input;
    const merge = { vehicleIds: [...found.keys()], rows: staged, days: summary.overlapDays, fromId, toId };
    const merged = staged === 0 ? NOTHING_MERGED : await mergeStaged(client, merge);
    refuseRepeated(found, merged);
    await refuseGivenAnew(client, { input, wanted, merged });
    return loadedOf(input, summary, { found, merged: merged.inserted, vehicles });
  } catch (error) {
    loader.abort(new Error('The import failed.'));
    throw error;
  }
}

/** Read by itself, a vehicle whose rows share an id fails by itself, with the reason. @throws UnfitVehicles */
function refuseRepeated(found: Map<string, VehicleCounts>, { repeated }: MergedRows): void {
  const ids = [...found].flatMap(([id, { repeatedId }]) => (repeatedId === null ? [] : [id]));
  const unfit = new Set([...ids, ...repeated.keys()]);
  if (unfit.size === 0) return;
  throw new UnfitVehicles(new Map([...unfit].map((id) => [id, 'read by itself: two of its rows have one id'])));
}

/** Read by itself, a vehicle whose ids were given anew fails by itself, with the reason. @throws UnfitVehicles */
async function refuseGivenAnew(
  client: pg.PoolClient,
  { input, wanted, merged }: { input: SliceInput; wanted: WantedRows[]; merged: MergedRows },
): Promise<void> {
  if (typeof input.server.columns.id !== 'string') return;
  const first = BigInt(input.fromId) + 1n;
  const fromIds = new Map(wanted.map(({ vehicleId, fromId }) => [vehicleId, max(first, fromId)]));
  const found = await findGivenAnew(client, { runId: input.key.runId, fromIds }, merged);
  if (found.size === 0) return;
  const reason = 'read by itself: other rows have the ids that it had';
  throw new UnfitVehicles(new Map([...found.keys()].map((id) => [id, reason])));
}

function loadedOf(
  { manifest, fromId, toId }: SliceInput,
  summary: ConverterSummary,
  {
    found,
    merged,
    vehicles,
  }: { found: Map<string, VehicleCounts>; merged: Map<string, number>; vehicles: SliceVehicle[] },
): Loaded {
  const counts = vehicles.flatMap((vehicle): SliceVehicleCounts[] => {
    const counted = found.get(vehicle.vehicleId);
    if (counted === undefined) return [];
    const inserted = counted.fresh + (merged.get(vehicle.vehicleId) ?? 0);
    return [
      {
        vehicleId: vehicle.vehicleId,
        fromId: max(vehicle.fromId, BigInt(fromId) + 1n),
        toId: min(vehicle.toId, BigInt(toId)),
        watermark: vehicle.watermark,
        rows: counted.rows,
        newRows: counted.newRows,
        inserted,
        duplicates: counted.rows - counted.quarantined - counted.withoutFix - inserted,
        quarantined: counted.quarantined,
        withoutFix: counted.withoutFix,
        seen: counted.seen,
        marks: counted.marks,
      },
    ];
  });
  const inserted = counts.reduce((sum, vehicle) => sum + vehicle.inserted, 0);
  const rows = summary.rows - summary.skipped;
  const { quarantined, withoutFix } = summary;
  const totals = {
    ranges: 1,
    rows,
    inserted,
    duplicates: rows - inserted - quarantined - withoutFix,
    quarantined,
    bytes: manifest?.bytes ?? 0,
  };
  return { totals, skipped: summary.skipped, withoutFix, vehicles: counts };
}

const max = (one: bigint, other: bigint): bigint => (one > other ? one : other);
const min = (one: bigint, other: bigint): bigint => (one < other ? one : other);

function assertCounted({ key, table, manifest }: SliceInput, { rows }: ConverterSummary): void {
  const counted = manifest!.rows;
  if (counted === null || counted === rows) return;
  throw new Failure(
    'DumpRowCountMismatch',
    `Importing ${key.vehicleId} of ${table}: the dump has ${rows} rows, and ${counted} were counted. ` +
      'Nothing was imported; the slice is exported again.',
  );
}

/** Each vehicle is judged by its own rows, as in a range of its own. */
interface VehicleWatches extends QuarantineWatch {
  /** @throws UnfitVehicles */
  assertFit(converter: DumpConverter): void;
}

function watchVehicles({ settings, server }: SliceInput): VehicleWatches {
  const limits = { ...settings, ...slotBuffers(settings), withoutFixMaxPercent: server.values.withoutFixMaxPercent };
  const watches = new Map<string, QuarantineWatch>();
  const watchOf = (vehicleId: string): QuarantineWatch => {
    const watch = watches.get(vehicleId) ?? createQuarantineWatch(vehicleId, null, limits);
    watches.set(vehicleId, watch);
    return watch;
  };
  return {
    sample: [],
    see: (rows) => rows.forEach((row) => watchOf(row.vehicleId).see([row])),
    conclude: () => {},
    restart: () => watches.clear(),
    assertFit(converter) {
      const reasons = new Map<string, string>();
      for (const vehicleId of converter.ambiguous())
        reasons.set(vehicleId, 'read by itself: other ids in its table may be its own');
      const counts = converter.vehicles();
      for (const [vehicleId, { rows, withoutFix }] of counts) {
        const watch = watches.get(vehicleId) ?? (withoutFix > 0 ? watchOf(vehicleId) : undefined);
        try {
          watch?.conclude(rows, withoutFix);
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          reasons.set(vehicleId, `read by itself: too many of its rows are bad`);
        }
      }
      if (reasons.size > 0) throw new UnfitVehicles(reasons);
    },
  };
}

function converterFor(
  { table, tableColumns, server, fromId, toId }: SliceInput,
  vehicles: WantedRows[],
): DumpConverter {
  return createDumpConverter({
    table,
    tableColumns,
    columns: server.columns,
    values: server.values,
    timeZone: server.timeZone,
    fromId: BigInt(fromId) + 1n,
    toId: BigInt(toId),
    vehicles,
    now: Date.now,
  });
}
