import { createHash } from 'node:crypto';
import type { NetworkDigests } from '../../../records/network-digests.ts';
import type { DatasetRows, FlightRow, RouteRow, StopRow } from './dataset-rows.ts';

/** Part of every hash. Change it when rows are read differently, so that the same answer counts as new content. */
export const FORM = 'fleetgraph-dataset-2';

/** A set in buckets, by a hash of each row's id: where two contents differ is then known without comparing each row. */
export interface SetContent {
  /** The bucket of each row. */
  bucketOf: Int32Array;
  /** DIGEST_BYTES of each bucket. */
  digests: Buffer;
}

export interface DatasetContent {
  sha256: string;
  stops: SetContent;
  routes: SetContent;
  flights: SetContent;
}

/**
 * What the rows say, whatever order or dialect they came in. It covers the columns we use, in a fixed order, as one line per row, sorted by
 * id. The sync compares its SHA-256 to find out whether anything changed.
 */
export function contentOf({ stops, routes, flights }: DatasetRows): DatasetContent {
  const whole = createHash('sha256').update(FORM);
  const content = {
    stops: setContent(stops, stopValues, whole),
    routes: setContent(routes, routeValues, whole),
    flights: setContent(flights, flightContent, whole),
  };
  return { sha256: whole.digest('hex'), ...content };
}

/** The rows of buckets that are not as they were; null when the buckets cannot be compared. */
export function changedRows<T>(rows: T[], { bucketOf, digests }: SetContent, before: Buffer | undefined): T[] | null {
  if (before?.length !== digests.length) return null;
  const at = (bucket: number): number => bucket * DIGEST_BYTES;
  const differs = Array.from({ length: digests.length / DIGEST_BYTES }, (_, bucket) =>
    Boolean(digests.compare(before, at(bucket), at(bucket + 1), at(bucket), at(bucket + 1))),
  );
  return rows.filter((_, row) => differs[bucketOf[row]!]);
}

export const digestsOf = ({ stops, routes, flights }: DatasetContent): NetworkDigests => ({
  stops: stops.digests,
  routes: routes.digests,
  flights: flights.digests,
});

/** The columns in the order of the tables, as they are written. */
export const stopValues = (row: StopRow) => [row.id, row.name, row.cityName, row.latitude, row.longitude];
export const routeValues = (row: RouteRow) => [
  row.id,
  row.name,
  row.fromStopId,
  row.toStopId,
  row.transportType,
  row.durationMinutes,
  row.distanceKm,
  row.fareRub,
];
export const flightValues = (row: FlightRow) => [
  row.id,
  row.routeId,
  row.fromStopId,
  row.toStopId,
  new Date(row.departureAt).toISOString(),
  new Date(row.arrivalAt).toISOString(),
  row.availableSeats,
];
/** Times as numbers: to write 100,000 of them as texts takes longer than to hash them. */
const flightContent = (row: FlightRow) => [
  row.id,
  row.routeId,
  row.fromStopId,
  row.toStopId,
  row.departureAt,
  row.arrivalAt,
  row.availableSeats,
];

/** Two words of 32 bits. */
const DIGEST_BYTES = 8;
/** One row in a hundred that changed makes about every twenty-fifth bucket of this size one to compare. */
const ROWS_PER_BUCKET = 4;
const MOST_BUCKETS = 65_536;
const LINES_AT_A_TIME = 1_000;

/**
 * The SHA-256 is of all lines in the order of their ids. A bucket's digest is the sum of its lines' hashes, which are quick and not made to
 * resist anybody: they only choose the rows that PostgreSQL compares.
 */
function setContent<T extends { id: string }>(
  rows: T[],
  values: (row: T) => (string | number | null)[],
  whole: ReturnType<typeof createHash>,
): SetContent {
  const buckets = Math.min(MOST_BUCKETS, 2 ** Math.ceil(Math.log2(Math.max(1, rows.length / ROWS_PER_BUCKET))));
  const bucketOf = new Int32Array(rows.length);
  const sums = new Uint32Array(2 * buckets);
  whole.update(`${rows.length}\n`);
  let lines = '';
  for (const [n, row] of inOrder(rows).entries()) {
    const line = lineOf(values(rows[row]!));
    const bucket = hashOf(rows[row]!.id)[0] & (buckets - 1);
    const [high, low] = hashOf(line);
    bucketOf[row] = bucket;
    sums[2 * bucket]! += high;
    sums[2 * bucket + 1]! += low;
    lines += line;
    if (n % LINES_AT_A_TIME < LINES_AT_A_TIME - 1) continue;
    whole.update(lines);
    lines = '';
  }
  whole.update(lines);
  return { bucketOf, digests: Buffer.from(sums.buffer) };
}

/** Rows by their numbers, sorted by id in code units: localeCompare differs from one ICU version to the next. */
function inOrder(rows: { id: string }[]): Int32Array {
  const order = Int32Array.from(rows, (_, row) => row);
  const sorted = rows.every(({ id }, row) => row === 0 || rows[row - 1]!.id < id);
  return sorted ? order : order.sort((a, b) => (rows[a]!.id < rows[b]!.id ? -1 : 1));
}

/** One text per row, and no other row has it: each text comes with its length. JSON takes three times as long. */
function lineOf(values: (string | number | null)[]): string {
  let line = '';
  for (const value of values) {
    if (value === null) line += '-';
    else line += typeof value === 'string' ? `${value.length}:${value}` : `#${value};`;
  }
  return `${line}\n`;
}

/** Two words over code units, each multiplied by its own prime and mixed with the other at the end. */
function hashOf(text: string): [number, number] {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 2_654_435_761);
    low = Math.imul(low ^ unit, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return [high >>> 0, low >>> 0];
}
