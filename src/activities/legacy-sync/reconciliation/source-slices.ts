import type { TableSpan, TableColumn } from '../../../records/legacy-tables.ts';
import { vehicleLiteral } from '../legacy-host/plan-statements.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import { addTo, type Bucket, type Buckets } from './buckets.ts';
import { type IdBlocks, idsOf } from './id-blocks.ts';
import { type AskedVehicle, bucketOf, type SourceAccess, STEP_ROWS, STEPS_PER_SESSION } from './source-sql.ts';
import {
  blockStatements,
  type BlockStep,
  SESSION,
  SHARED,
  sharedStatements,
  type SharedRange,
} from './source-statements.ts';
import { name } from '../../../settings/mysql-identifier.ts';

const WHOLE = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'];
/** A vehicle whose last id is further behind the others' than this part of the table is asked for by itself. */
const BEHIND = 0.05;
/** Rows of others that a table may have for each wanted one: to pass one over costs a tenth of hashing one, and an index's way to a row half. */
const MOST_STRANGERS = 3;

/** Which vehicles of a table are read along its ids together, as a sync reads them in slices, and which by themselves. */
export function readTogether(
  vehicles: readonly AskedVehicle[],
  span: TableSpan | undefined,
): { together: readonly AskedVehicle[]; apart: readonly AskedVehicle[] } {
  const nobody = { together: [], apart: vehicles };
  if (span === undefined || vehicles.some(({ vehicle }) => vehicle.legacyVehicleId === null)) return nobody;
  const highest = largest(vehicles.map(({ upTo }) => BigInt(upTo)));
  const tolerance = BigInt(Math.max(STEP_ROWS, Math.floor(Number(highest - span.minId) * BEHIND)));
  const near = vehicles.filter(({ upTo }) => highest - BigInt(upTo) <= tolerance);
  const wanted = near.reduce((sum, { rows }) => sum + rows, 0);
  if (near.length < 2 || rowsAbove(span, lowest(near)) > (1 + MOST_STRANGERS) * wanted) return nobody;
  return { together: near, apart: vehicles.filter((each) => !near.includes(each)) };
}

/** Of the server's own guess, as many as lie above this id where they lie evenly. */
function rowsAbove({ minId, maxId, rows }: TableSpan, above: bigint): number {
  const ids = Number(maxId - minId + 1n);
  const wanted = Number(maxId - (above > minId ? above : minId) + 1n);
  return ids <= 0 ? rows : rows * Math.min(1, Math.max(0, wanted / ids));
}

/** Vehicles that share a table, and how it is read. */
export interface SharedTable {
  access: SourceAccess;
  vehicles: readonly AskedVehicle[];
  columns: readonly TableColumn[];
}

/** What the legacy server has of vehicles that share a table, by day: one statement a step of the table's ids. `above`: none of the ids up to it. */
export async function sharedBuckets(shared: SharedTable, above?: bigint): Promise<Map<string, Buckets>> {
  const { access, vehicles } = shared;
  const all = vehicles.map(({ upTo }) => BigInt(upTo));
  const [common, last] = [smallest(all), largest(all)];
  const rows = vehicles.reduce((sum, each) => sum + each.rows, 0);
  const taking = takeInto(vehicles);
  const walked = walkedBy(shared);
  const from = above ?? lowest(vehicles);
  if (from < common) {
    await walk(access, { ...walked, above: String(from), upTo: String(common), own: false }, rows, taking.take);
  }
  if (last > common) {
    await walk(access, { ...walked, above: String(common), upTo: String(last), own: true }, 0, taking.take);
  }
  return taking.found;
}

function takeInto(vehicles: readonly AskedVehicle[]) {
  const found = new Map<string, Buckets>(vehicles.map(({ vehicle }) => [vehicle.id, new Map()]));
  const ids = new Map(vehicles.map(({ vehicle }) => [vehicle.legacyVehicleId, vehicle.id]));
  const take = (row: string[]): void => {
    const id = ids.get(row[1]!);
    // A legacy id that MySQL takes for a vehicle's and writes otherwise: the vehicle's days differ, and are looked at by themselves.
    if (id !== undefined) addTo(found.get(id)!, ...bucketOf(row));
  };
  return { found, take };
}

/** The rows of a block, of all vehicles and days. */
export type BlockSum = Pick<Bucket, 'rows' | 'sum'>;

/** What the legacy server has in each block. */
export async function blockSums(shared: SharedTable, blocks: IdBlocks): Promise<BlockSum[]> {
  const sums = Array.from({ length: blocks.count }, (): BlockSum => ({ rows: 0, sum: 0n }));
  const walked = walkedBy(shared);
  const steps = stepsOf(blocks, startsBelow(shared, blocks));
  for (let at = 0; at < steps.length; at += STEPS_PER_SESSION) {
    const some = steps.slice(at, at + STEPS_PER_SESSION);
    const asked = blockStatements(walked, some);
    for (const [, block = '', rows = '0', sum = '0'] of await shared.access.ask(
      [SESSION, ...asked],
      some.length * STEP_ROWS,
    )) {
      const known = sums[Number(block)]!;
      known.rows += Number(rows);
      known.sum += BigInt(sum);
    }
  }
  return sums;
}

/** Blocks from the lowest id on begin below it: rows with such an id came since somebody looked. */
const startsBelow = ({ vehicles }: SharedTable, { above }: IdBlocks): boolean =>
  lowest(vehicles) < above || above <= 0n;

function stepsOf(blocks: IdBlocks, belowToo: boolean): BlockStep[] {
  const steps: BlockStep[] = [];
  for (let block = 0; block < blocks.count; block += 1) {
    const { above, upTo } = idsOf(blocks, block);
    for (let from = above; from < upTo; from += BigInt(STEP_ROWS)) {
      const to = from + BigInt(STEP_ROWS);
      steps.push({ block, above: from, upTo: to < upTo ? to : upTo, first: belowToo && steps.length === 0 });
    }
  }
  return steps;
}

/** What the legacy server has in some blocks in a row, by vehicle and day. */
export async function bucketsOfBlocks(
  shared: SharedTable,
  blocks: IdBlocks,
  { first, count }: { first: number; count: number },
): Promise<Map<string, Buckets>> {
  const { above, upTo } = idsOf(blocks, first, count);
  const from = first === 0 && startsBelow(shared, blocks) ? '0' : String(above);
  const taking = takeInto(shared.vehicles);
  const range = { ...walkedBy(shared), above: from, upTo: String(upTo), own: false };
  await walk(shared.access, range, Number(upTo - above), taking.take);
  return taking.found;
}

type Walked = Omit<SharedRange, 'steps'>;

function walkedBy({ vehicles, columns, access }: SharedTable): Omit<Walked, 'above' | 'upTo' | 'own'> {
  const { server, row, days } = access;
  const { sql: column, whole } = vehicleSql(server, columns);
  const literal = (key: string): string => (whole && /^\d{1,18}$/.test(key) ? key : vehicleLiteral(key));
  return {
    server,
    row,
    days,
    stepRows: STEP_ROWS,
    table: vehicles[0]!.vehicle.table,
    column,
    keys: vehicles.map(({ vehicle, upTo }) => ({ literal: literal(vehicle.legacyVehicleId!), upTo })),
  };
}

/** The column that tells vehicles apart, as an expression: so the table is read along its ids and not along an index of the column. */
export function vehicleSql({ columns: { vehicle } }: LegacyServer, columns: readonly TableColumn[]) {
  const column = vehicle!;
  const whole = columns.some(
    (each) => each.name.toLowerCase() === column.toLowerCase() && WHOLE.includes(each.dataType),
  );
  return { sql: whole ? `(${name(column)} + 0)` : `CONCAT(${name(column)})`, whole };
}

/** Goes on until the last id: the source may have more rows than were thought. */
async function walk({ ask }: SourceAccess, walked: Walked, rows: number, take: (row: string[]) => void): Promise<void> {
  let [above, left] = [walked.above, rows];
  while (BigInt(above) < BigInt(walked.upTo)) {
    const steps = Math.min(STEPS_PER_SESSION, Math.max(1, Math.ceil(left / STEP_ROWS)));
    const statements = sharedStatements({ ...walked, above, steps });
    for (const answer of await ask([SESSION, ...statements], Math.min(left, steps * STEP_ROWS))) {
      if (answer[0] === '#at' && answer[1] === SHARED) above = answer[2]!;
      else take(answer);
    }
    left -= steps * STEP_ROWS;
  }
}

const lowest = (vehicles: readonly AskedVehicle[]): bigint => smallest(vehicles.map(({ above }) => BigInt(above)));
const smallest = (values: readonly bigint[]): bigint => values.reduce((one, other) => (one < other ? one : other));
const largest = (values: readonly bigint[]): bigint => values.reduce((one, other) => (one > other ? one : other));
