import type { Logger } from '../../../logger.ts';
import type { TableColumn, TableSpan } from '../../../records/legacy-tables.ts';
import { toFailure } from '../../activity-failures.ts';
import type { WorkPace } from '../load/work-pace.ts';
import { both } from './both.ts';
import { type Buckets, differingDays } from './buckets.ts';
import type { ComparedFields } from './compared-row.ts';
import type { Sides } from './compare-vehicles.ts';
import { quickRow } from './quick-row.ts';
import { quickTargetBuckets } from './quick-target.ts';
import { readTogether, sharedBuckets } from './source-slices.ts';
import { type AskedVehicle, type SourceAccess, sourceBuckets } from './source-sql.ts';
import { type TargetAccess, targetBuckets } from './target-sql.ts';
import type { ZoneOffset } from './zone-offsets.ts';

interface QuickAccess {
  source: SourceAccess;
  target: TargetAccess;
  fields: ComparedFields;
  offsets: readonly ZoneOffset[];
  columns: readonly TableColumn[];
  span: TableSpan | undefined;
  signal: AbortSignal;
  pace: WorkPace;
  logger: Pick<Logger, 'warn'>;
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
async function quickly(access: QuickAccess, vehicles: readonly AskedVehicle[]): Promise<BothSides | null> {
  // Beyond, a double is not every id.
  if (vehicles.some(({ upTo }) => BigInt(upTo) > Number.MAX_SAFE_INTEGER)) return null;
  const row = quickRow(access.fields);
  const source = { ...access.source, row: { ...access.source.row, sum: row.source } };
  const { pool, timeZone, days } = access.target;
  const { offsets, signal, pace } = access;
  try {
    const [there, arrived] = await both(
      sourceOf(access, source, vehicles),
      quickTargetBuckets({ pool, timeZone, days, row, offsets, signal, pace }, vehicles),
    );
    return { source: there, target: arrived };
  } catch (error) {
    const { code, message, retryable } = toFailure(error);
    if (signal.aborted || retryable) throw error;
    access.logger.warn({ serverId: source.server.id, code }, `Comparing by the rows' texts instead: ${message}`);
    return null;
  }
}

async function sourceOf(
  { columns, span }: QuickAccess,
  source: SourceAccess,
  vehicles: readonly AskedVehicle[],
): Promise<Map<string, Buckets>> {
  const { together, apart } = readTogether(vehicles, span);
  const shared = together.length === 0 ? [] : await sharedBuckets(source, together, columns);
  return new Map([...shared, ...(await sourceBuckets(source, apart))]);
}
