import { addId } from '../dump/id-sum.ts';
import { foldVehicle } from '../dump/same-vehicle.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import { name, nameLiteral } from '../../../settings/mysql-identifier.ts';
import { type PlanRequestVehicle, type Statement } from './plan-statements.ts';
import { rowKey } from './row-key.ts';

/** Vehicles of one table whose new rows, and whose windows, are counted from one list of its newest ids. */
export interface CountedTogether {
  table: string;
  /** All of a vehicle's new rows, and its window, lie above it. */
  aboveId: string;
  requests: readonly PlanRequestVehicle[];
}

/** What the newest ids say of a vehicle. */
export interface NewestRows {
  newRows: number;
  /** The highest id; null: it has none among the newest. */
  maxId: bigint | null;
  windowRows: number;
  windowIdSum: number;
}

/** Milliseconds: a client's start, a vehicle's own three index ranges, and an id of the list. What counts is how they compare. */
const COST = { session: 30, statement: 0.25, row: 0.002 };
/** The list is taken into memory; a longer one is not worth it. */
const MOST_ROWS = 200_000;
/** Text that MySQL takes for another's only where case or leading zeros differ. */
const PLAIN = /^[\x20-\x7e]*[\x21-\x7e]$/;

/**
 * Finds the place from which on the list of a table's newest ids saves the most; null when no place saves anything. Vehicles stand at nearly the same
 * id, and some are far behind: the further down the list goes, the more vehicles it serves. The others are counted one by one, and so are those that
 * were never synced, because all rows of the table may be theirs.
 */
export function chooseTogether(table: string, requests: readonly PlanRequestVehicle[]): CountedTogether | null {
  const candidates = requests
    .filter(({ vehicle: { legacyVehicleId }, fromId }) => fromId !== '0' && PLAIN.test(legacyVehicleId ?? ''))
    .map((request) => ({ request, place: placeOf(request) }))
    .sort((one, other) => (one.place < other.place ? 1 : -1));
  const top = candidates.reduce((highest, { request }) => max(highest, BigInt(request.fromId)), 0n);
  let best = { count: 0, saved: 0 };
  candidates.forEach(({ place }, index) => {
    const rows = Number(top - place);
    const saved = (index + 1) * COST.statement - COST.session - rows * COST.row;
    if (rows <= MOST_ROWS && saved > best.saved) best = { count: index + 1, saved };
  });
  const chosen = candidates.slice(0, best.count);
  const last = chosen.at(-1);
  return last === undefined
    ? null
    : { table, aboveId: String(last.place), requests: chosen.map(({ request }) => request) };
}

const placeOf = ({ fromId, seen }: PlanRequestVehicle): bigint =>
  seen === null ? BigInt(fromId) : min(BigInt(fromId), BigInt(seen.fromId));

/** The index is named: left to itself, MySQL may rather read the whole of another that has both columns. */
export function newestStatement(
  server: LegacyServer,
  { table, aboveId }: CountedTogether,
  { index, vehicleColumn }: { index: string; vehicleColumn: string },
): Statement {
  const key = rowKey(server.columns);
  return {
    sql: `SELECT '#p', ${nameLiteral(table)}, ${name(vehicleColumn)}, ${key.sql} FROM ${name(table)} FORCE INDEX (${name(index)}) WHERE ${key.above(aboveId)} LIMIT ${MOST_ROWS + 1};`,
    about: { table },
  };
}

/**
 * Counts by vehicle id; `numbers`: the column is an integer. A vehicle that the list does not tell for certain is not in the answer; null: the list is too long, or has values of
 * which only MySQL knows whose they are.
 */
export function countNewest(
  { requests }: CountedTogether,
  rows: readonly (readonly [vehicle: string, id: string])[],
  { numbers }: { numbers: boolean },
): Map<string, NewestRows> | null {
  if (rows.length > MOST_ROWS) return null;
  const lanes = lanesOf(requests);
  /** By every value met; null: of a vehicle that nobody asked for. */
  const known = new Map<string, Lane | null>();
  for (const [value, rowId] of rows) {
    let lane = known.get(value);
    if (lane === undefined) {
      if (!PLAIN.test(value)) return null;
      lane = lanes.get(foldVehicle(value)) ?? null;
      // A number's leading zeros mean nothing. Other text that is not the same is for MySQL to compare.
      if (lane !== null && lane.value !== value && !numbers) lane.certain = false;
      known.set(value, lane);
    }
    if (lane !== null) take(lane, BigInt(rowId));
  }
  return new Map([...lanes.values()].flatMap((lane) => (lane.certain ? [[lane.vehicleId, lane.found]] : [])));
}

interface Lane {
  vehicleId: string;
  value: string;
  certain: boolean;
  fromId: bigint;
  window: { fromId: bigint; toId: bigint } | null;
  found: NewestRows;
}

/** By what MySQL may take for a vehicle's value. */
function lanesOf(requests: readonly PlanRequestVehicle[]): Map<string, Lane> {
  const lanes = new Map<string, Lane>();
  for (const { vehicle, fromId, seen } of requests) {
    const value = vehicle.legacyVehicleId!;
    const lane: Lane = {
      vehicleId: vehicle.id,
      value,
      // The client shows a missing value by this word.
      certain: value !== 'NULL',
      fromId: BigInt(fromId),
      window: seen && { fromId: BigInt(seen.fromId), toId: BigInt(seen.toId) },
      found: { newRows: 0, maxId: null, windowRows: 0, windowIdSum: 0 },
    };
    const fold = foldVehicle(value);
    const alike = lanes.get(fold);
    if (alike !== undefined) alike.certain = lane.certain = false;
    lanes.set(fold, lane);
  }
  return lanes;
}

function take({ fromId, window, found }: Lane, rowId: bigint): void {
  if (found.maxId === null || rowId > found.maxId) found.maxId = rowId;
  if (rowId > fromId) found.newRows += 1;
  // A window that begins at 0 holds the rows below as well.
  if (window === null || (rowId <= window.fromId && window.fromId > 0n) || rowId > window.toId) return;
  found.windowRows += 1;
  found.windowIdSum = addId(found.windowIdSum, rowId);
}

const max = (one: bigint, other: bigint): bigint => (one > other ? one : other);
const min = (one: bigint, other: bigint): bigint => (one < other ? one : other);
