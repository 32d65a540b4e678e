import type { Logger } from '../../../logger.ts';
import type { TableColumn, TableSpan } from '../../../records/legacy-tables.ts';
import { toFailure } from '../../activity-failures.ts';
import type { WorkPace } from '../load/work-pace.ts';
import { both } from './both.ts';
import { addTo, type Buckets, differingDays } from './buckets.ts';
import type { ComparedFields } from './compared-row.ts';
import type { Sides } from './compare-vehicles.ts';
import { blockOf, idBlocks, type IdBlocks, NO_BLOCK } from './id-blocks.ts';
import { type QuickRow, quickRow } from './quick-row.ts';
import { quickTargetBuckets, type TargetBlocks } from './quick-target.ts';
import {
  type BlockSum,
  blockSums,
  bucketsOfBlocks,
  readTogether,
  sharedBuckets,
  type SharedTable,
  vehicleSql,
} from './source-slices.ts';
import { type AskedVehicle, type SourceAccess, sourceBuckets } from './source-sql.ts';
import { type TargetAccess, targetBuckets } from './target-sql.ts';
import type { ZoneOffset } from './zone-offsets.ts';

export interface QuickAccess {
  source: SourceAccess;
  target: TargetAccess;
  fields: ComparedFields;
  offsets: readonly ZoneOffset[];
  columns: readonly TableColumn[];
  span: TableSpan | undefined;
  signal: AbortSignal;
  pace: WorkPace;
  logger: Pick<Logger, 'warn'>;
  rowsAtOnce?: number;
}

type BothSides = Awaited<ReturnType<Sides['buckets']>>;

/** Where more rows of a vehicle than this lie on days that differ, the days are first asked for again by the hash of the rows' texts. */
const MANY_ROWS = 20_000;

/**
 * Both sides by the quick sums. Equal sums are equal rows; of sums that differ the rows may yet be equal (a FLOAT of more than six digits), so
 * whatever differs is looked at by the rows' texts.
 */
export async function quickBuckets(access: QuickAccess, vehicles: readonly AskedVehicle[]): Promise<BothSides> {
  const found = (await quickly(access, vehicles)) ?? NOTHING;
  const doubtful = vehicles.filter(({ vehicle: { id } }) => {
    const [there, arrived] = [found.source.get(id), found.target.get(id)];
    return there === undefined || arrived === undefined || rowsThatDiffer(there, arrived) > MANY_ROWS;
  });
  if (doubtful.length === 0) return found;
  const [source, target] = await both(sourceBuckets(access.source, doubtful), targetBuckets(access.target, doubtful));
  return { source: new Map([...found.source, ...source]), target: new Map([...found.target, ...target]) };
}

const NOTHING: BothSides = { source: new Map(), target: new Map() };

function rowsThatDiffer(there: Buckets, arrived: Buckets): number {
  const rows = (day: number | null): number => Math.max(there.get(day)?.rows ?? 0, arrived.get(day)?.rows ?? 0);
  return differingDays(there, arrived).reduce<number>((sum, day) => sum + rows(day), 0);
}

/** null: the server does not take the statements. */
export async function quickly(access: QuickAccess, vehicles: readonly AskedVehicle[]): Promise<BothSides | null> {
  // Beyond, a double is not every id.
  if (vehicles.some(({ upTo }) => BigInt(upTo) > Number.MAX_SAFE_INTEGER)) return null;
  const { signal, span, columns } = access;
  const { together, apart } = readTogether(vehicles, span);
  const blocks = together.length === 0 ? null : idBlocks(together, span!);
  const row = quickRow(access.fields, blocks === null ? null : vehicleSql(access.source.server, columns).sql);
  const source = { ...access.source, row: { ...access.source.row, sum: row.source } };
  const shared = { access: source, vehicles: together, columns };
  try {
    const [there, arrived] = await both(
      sourceOf(shared, apart, blocks),
      quickTargetBuckets(targetOf(access, row, blocks), vehicles),
    );
    if (blocks !== null) await addBlocks(there, { shared, blocks, arrived });
    return { source: there.found, target: allBlocks(vehicles, arrived) };
  } catch (error) {
    const { code, message, retryable } = toFailure(error);
    if (signal.aborted || retryable) throw error;
    access.logger.warn({ serverId: source.server.id, code }, `Comparing by the rows' texts instead: ${message}`);
    return null;
  }
}

const targetOf = (
  { target: { pool, timeZone, days }, offsets, signal, pace, rowsAtOnce }: QuickAccess,
  row: QuickRow,
  blocks: IdBlocks | null,
) => ({
  pool,
  timeZone,
  days,
  row,
  offsets,
  signal,
  pace,
  ...(rowsAtOnce === undefined ? {} : { rowsAtOnce }),
  blockOf: blocks === null ? () => NO_BLOCK : blockOf(blocks),
});

/** The sums of blocks, and by vehicle and day what lies in none. */
async function sourceOf(shared: SharedTable, apart: readonly AskedVehicle[], blocks: IdBlocks | null) {
  const sums = blocks === null ? [] : await blockSums(shared, blocks);
  const rest = shared.vehicles.length === 0 ? [] : await sharedBuckets(shared, blocks?.upTo);
  return { sums, found: new Map([...rest, ...(await sourceBuckets(shared.access, apart))]) };
}

interface Blocks {
  shared: SharedTable;
  blocks: IdBlocks;
  arrived: TargetBlocks;
}

/** Adds what the source has in the blocks: where the sums are equal, the rows that arrived; else it is asked by vehicle and day. */
async function addBlocks(
  { sums, found }: { sums: readonly BlockSum[]; found: Map<string, Buckets> },
  { shared, blocks, arrived }: Blocks,
): Promise<void> {
  const ids = new Set(shared.vehicles.map(({ vehicle }) => vehicle.id));
  // Vehicles that are read by themselves have rows between these ids, too.
  const here = sums.map((_, block) => new Map([...(arrived.get(block) ?? [])].filter(([id]) => ids.has(id))));
  const differs = sums.map((sum, block) => !isSum(sum, here[block]!));
  for (let first = 0, count = 1; first < sums.length; first += count, count = 1) {
    if (!differs[first]) addAll(found, here[first]!);
    else {
      while (differs[first + count] === true) count += 1;
      addAll(found, await bucketsOfBlocks(shared, blocks, { first, count }));
    }
  }
}

function isSum({ rows, sum }: BlockSum, vehicles: ReadonlyMap<string, Buckets>): boolean {
  const buckets = [...vehicles.values()].flatMap((days) => [...days.values()]);
  const total = (of: (bucket: BlockSum) => bigint): bigint => buckets.reduce((all, bucket) => all + of(bucket), 0n);
  return total((bucket) => BigInt(bucket.rows)) === BigInt(rows) && total((bucket) => bucket.sum) === sum;
}

function allBlocks(vehicles: readonly AskedVehicle[], arrived: TargetBlocks): Map<string, Buckets> {
  const found = new Map<string, Buckets>(vehicles.map(({ vehicle }) => [vehicle.id, new Map()]));
  for (const block of arrived.values()) addAll(found, block);
  return found;
}

function addAll(found: ReadonlyMap<string, Buckets>, more: ReadonlyMap<string, Buckets>): void {
  for (const [vehicleId, days] of more) {
    for (const [day, bucket] of days) addTo(found.get(vehicleId)!, day, bucket);
  }
}
