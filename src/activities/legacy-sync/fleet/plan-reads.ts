import type { TableSpan } from '../../../records/legacy-tables.ts';
import type { PlannedRead, Unwanted } from '../../../records/table-reads.ts';
import type { PlannedVehicle } from '../../../records/vehicle-syncs.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { LIST_BYTES, listedBytes } from '../legacy-host/wanted-vehicles.ts';
import { type Span, cutIntoSlices } from './cut-into-slices.ts';

export interface ReadsRequest {
  /** Vehicles by table, those that may be read together. */
  vehicles: ReadonlyMap<string, readonly PlannedVehicle[]>;
  tables: ReadonlyMap<string, TableSpan>;
  /** The legacy ids of these vehicles, by vehicle id. */
  legacyIds: ReadonlyMap<string, string>;
  settings: Pick<LegacySyncSettings, 'exportUnit' | 'tableMinVehicles' | 'overlapIds' | 'rangeRows'>;
  workers: number;
}

/**
 * CPU milliseconds, all processes together; docs/decisions/0024 and 0029 say how they were measured. What counts is how they compare: a vehicle by itself
 * costs a child workflow and a session; a slice costs that once; each row costs less where the table is read in the order it is stored in.
 */
const COST = {
  vehicle: 105,
  ownRow: 0.0157,
  slice: 190,
  wantedRow: 0.0125,
  strangeRow: 0.004,
  member: 0.6,
  /** Reading and sending a list of vehicles, before any of its rows. */
  list: 2,
  /** A row that the host looks at, to send it or not, once to dump and twice to count. */
  filteredRow: 0.0013,
  /** What a row costs more by an index than in the order it is stored in. */
  soughtRow: 0.0032,
  /** Entering an index for one vehicle, in each slice. */
  soughtVehicle: 0.05,
};

/**
 * Vehicles are sought by their index only when they have a small share of the rows, and the ids a small share of the table. Above these shares MySQL
 * takes another index, and sorts.
 */
const SOUGHT = { shareOfRows: 1 / 8, shareOfTable: 1 / 4 };
/** A slice looks at no more than so many times the rows that it may bring, because dumps have a time limit. */
const MOST_LOOKED_AT = 10;

/** Which vehicles are read together, and in which slices of their table. The others are read by themselves. */
export function planReads(request: ReadsRequest): PlannedRead[] {
  const { vehicles, tables, settings } = request;
  if (settings.exportUnit === 'vehicle') return [];
  return [...vehicles].flatMap(([table, candidates]) => {
    const span = tables.get(table);
    if (span === undefined || candidates.length < 2) return [];
    const together = chooseTogether(candidates, span, request);
    if (settings.exportUnit === 'auto') {
      if (together.members.length < settings.tableMinVehicles) return [];
      const apart = sum(together.members, ({ newRows }) => COST.vehicle + newRows * COST.ownRow);
      if (together.cost >= apart) return [];
    }
    return [readOf(table, together, request)];
  });
}

interface Together extends Way {
  members: PlannedVehicle[];
  span: Span;
}

/**
 * Finds the cheapest place to begin at. Vehicles stand at nearly the same id, and some are far behind. The further down the table is read, the more
 * vehicles the read serves, and the more rows it takes. Vehicles that are still further behind are read by themselves.
 */
function chooseTogether(
  candidates: readonly PlannedVehicle[],
  table: TableSpan,
  { settings, legacyIds }: Pick<ReadsRequest, 'settings' | 'legacyIds'>,
): Together {
  const byPlace = [...candidates].sort((one, other) => compare(BigInt(other.fromId), BigInt(one.fromId)));
  const names = byPlace.map(({ vehicleId }) => legacyIds.get(vehicleId) ?? '');
  const nameable = mostNamed(names);
  let best: { count: number; cost: number; way: Way; span: Span } | null = null;
  let apart = sum(byPlace, ({ newRows }) => COST.vehicle + newRows * COST.ownRow);
  const found = { members: 0, wanted: 0, known: 0, perId: 0 };
  let [fromId, toId] = [BigInt(byPlace[0]!.fromId), 0n];
  byPlace.forEach((vehicle, index) => {
    const place = BigInt(vehicle.fromId);
    // The rows that the vehicles so far have between the place before and this one.
    found.known += found.perId * Number(fromId - place);
    fromId = place;
    toId = BigInt(vehicle.maxId) > toId ? BigInt(vehicle.maxId) : toId;
    found.members += 1;
    found.wanted += vehicle.newRows;
    found.perId += Math.min(1, vehicle.newRows / Math.max(1, Number(BigInt(vehicle.maxId) - place)));
    apart -= COST.vehicle + vehicle.newRows * COST.ownRow;
    // Vehicles of one place are all read together, or all apart.
    if (index === 0 || byPlace[index + 1]?.fromId === vehicle.fromId) return;
    const span = spanOf(table, fromId, { toId, overlapIds: settings.overlapIds });
    const known = found.known + found.perId * Number(fromId - span.fromId);
    const rows = { ...found, known, read: rowsBetween(table, span, found.wanted) };
    const way = cheapestWay(rows, { rangeRows: settings.rangeRows, table, named: index < nameable });
    const cost = way.cost + apart;
    if (best === null || cost < best.cost) best = { count: index + 1, cost, way, span };
  });
  const { count, way, span } = best!;
  return { members: byPlace.slice(0, count), span, ...way };
}

/** How many of these, the first ones, fit into one list. */
function mostNamed(names: readonly string[]): number {
  let room = LIST_BYTES;
  const over = names.findIndex((each) => (room -= listedBytes(each)) < 0);
  return over === -1 ? names.length : over;
}

interface RowsOfRead {
  members: number;
  /** Of the members, as planning counted them. */
  wanted: number;
  /** Rows of the members that they have already, by how many they have a new id. */
  known: number;
  /** All rows of all vehicles. */
  read: number;
}

interface Way {
  unwanted: Unwanted;
  cost: number;
  slices: number;
  /** Rows that the host sends. */
  rows: number;
}

interface RowsOfWay {
  /** Rows that the host sends. */
  rows: number;
  /** What the rows cost that are not wanted. */
  others: number;
  leastSlices?: number;
}

/** What to do with rows that nobody wants. */
function cheapestWay(
  { members, wanted, known, read }: RowsOfRead,
  { rangeRows, table, named }: { rangeRows: number; table: TableSpan; named: boolean },
): Way {
  const own = Math.min(read, wanted + known);
  const way = (unwanted: Unwanted, { rows, others, leastSlices = 1 }: RowsOfWay): Way => {
    const slices = Math.max(leastSlices, Math.ceil(rows / rangeRows));
    const cost = slices * COST.slice + members * COST.member + wanted * COST.wantedRow + others;
    return {
      unwanted,
      slices,
      rows,
      cost: unwanted === 'unread' ? cost + slices * members * COST.soughtVehicle : cost,
    };
  };
  const ways = [way('sent', { rows: read, others: (read - wanted) * COST.strangeRow })];
  const skipped = COST.list + (own - wanted) * COST.strangeRow;
  if (named) {
    const looks = Math.ceil(read / rangeRows / MOST_LOOKED_AT);
    const others = skipped + read * COST.filteredRow;
    ways.push(way('filtered', { rows: own, others, leastSlices: Math.max(1, looks) }));
  }
  const few = own <= read * SOUGHT.shareOfRows && read <= table.rows * SOUGHT.shareOfTable;
  if (named && few && table.byVehicle) ways.push(way('unread', { rows: own, others: skipped + own * COST.soughtRow }));
  return ways.reduce((one, other) => (other.cost < one.cost ? other : one));
}

function readOf(
  table: string,
  { members, span, unwanted, rows, slices: least }: Together,
  { settings, workers }: Pick<ReadsRequest, 'settings' | 'workers'>,
): PlannedRead {
  const { overlapIds, rangeRows } = settings;
  const slices = cutIntoSlices(span, { rows: Math.ceil(rows), rangeRows, workers, least });
  return { table, vehicleIds: members.map(({ vehicleId }) => vehicleId), overlapIds, unwanted, slices };
}

/** The span begins with the overlap of the vehicle that is furthest behind, but not below the table's first row. */
function spanOf(
  { minId }: TableSpan,
  fromId: bigint,
  { toId, overlapIds }: { toId: bigint; overlapIds: number },
): Span {
  const below = fromId - BigInt(overlapIds);
  const lowest = minId > 0n ? minId - 1n : 0n;
  const from = below > lowest ? below : lowest;
  return { fromId: from < toId ? from : toId - 1n, toId };
}

/** Estimates the rows of a span as if they lay as densely as in the whole table; never fewer than are wanted. */
function rowsBetween({ minId, maxId, rows }: TableSpan, { fromId, toId }: Span, wanted: number): number {
  const ids = Number(toId - fromId);
  const density = rows === 0 ? 1 : Math.min(1, rows / Math.max(1, Number(maxId - minId + 1n)));
  return Math.max(wanted, Math.ceil(ids * density));
}

const compare = (one: bigint, other: bigint): number => (one < other ? -1 : one > other ? 1 : 0);
const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
