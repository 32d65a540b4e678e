import { createHash } from 'node:crypto';
import type { StoredSets } from '../../../records/network-sets.ts';
import type { FlightRow, RouteRow, StopRow } from './dataset-rows.ts';
import { type HashedValue, RowHasher } from './row-hasher.ts';

/** Part of every hash. Change it when rows are read differently, so that the same answer counts as new content. */
export const FORM = 'fleetgraph-dataset-4';

/** A set in buckets, by a hash of each row's id: where two contents differ is then known without comparing each row. */
export interface SetContent {
  /** What the rows say, whatever order or dialect they came in. */
  sha256: string;
  /** The bucket of each row. */
  bucketOf: Int32Array;
  /** DIGEST_BYTES of each bucket. */
  digests: Buffer;
}

/** The sync compares it to find out whether anything changed. */
export function contentSha256({ stops, routes, flights }: StoredSets): string {
  const sets = [stops, routes, flights].map((set) => set.contentSha256);
  return createHash('sha256')
    .update([FORM, ...sets].join('\n'))
    .digest('hex');
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
export const flightContent = (row: FlightRow) => [
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

/**
 * The SHA-256 is of the columns we use, in a fixed order, row by row in the order of their ids. A bucket's digest is the sum of its rows'
 * quick hashes, which are not made to resist anybody: they only choose the rows that PostgreSQL compares.
 */
export function setContent<T extends { id: string }>(rows: T[], values: (row: T) => HashedValue[]): SetContent {
  const hasher = new RowHasher();
  const buckets = Math.min(MOST_BUCKETS, 2 ** Math.ceil(Math.log2(Math.max(1, rows.length / ROWS_PER_BUCKET))));
  const bucketOf = new Int32Array(rows.length);
  const sums = new Uint32Array(2 * buckets);
  hasher.value(rows.length);
  for (const row of inOrder(rows)) {
    const columns = values(rows[row]!);
    hasher.begin();
    // The id comes first, and is all that chooses the bucket.
    hasher.value(columns[0]!);
    const bucket = hasher.high & (buckets - 1);
    for (let column = 1; column < columns.length; column++) hasher.value(columns[column]!);
    bucketOf[row] = bucket;
    sums[2 * bucket]! += hasher.high;
    sums[2 * bucket + 1]! += hasher.low;
  }
  return { sha256: hasher.digest(), bucketOf, digests: Buffer.from(sums.buffer) };
}

/** Rows by their numbers, sorted by id in code units: localeCompare differs from one ICU version to the next. */
function inOrder(rows: { id: string }[]): Int32Array {
  const order = Int32Array.from(rows, (_, row) => row);
  const sorted = rows.every(({ id }, row) => row === 0 || rows[row - 1]!.id < id);
  return sorted ? order : order.sort((a, b) => (rows[a]!.id < rows[b]!.id ? -1 : 1));
}
