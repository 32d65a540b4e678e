import { createHash } from 'node:crypto';
import type { DatasetRows, FlightRow, RouteRow, StopRow } from './dataset-rows.ts';

/** Part of every hash: a change in how rows are read makes new content of the same answer. */
const FORM = 'fleetgraph-dataset-1';

/**
 * SHA-256 of what the rows say, whatever order or dialect they came in: the columns we use, in one order, sorted by id, a line of JSON
 * per row. Decides whether anything changed.
 */
export function contentSha256({ stops, routes, flights }: DatasetRows): string {
  const whole = createHash('sha256').update(FORM);
  whole.update(setDigest(stops, stopValues));
  whole.update(setDigest(routes, routeValues));
  whole.update(setDigest(flights, flightValues));
  return whole.digest('hex');
}

/** Columns in the order of the tables; also what is written to them. */
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

const LINES_AT_A_TIME = 1_000;

function setDigest<T extends { id: string }>(rows: T[], values: (row: T) => unknown[]): Buffer {
  const hash = createHash('sha256');
  // By code units: localeCompare differs from one ICU version to the next.
  const sorted = rows.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  for (let from = 0; from < sorted.length; from += LINES_AT_A_TIME) {
    const lines = sorted.slice(from, from + LINES_AT_A_TIME).map((row) => `${JSON.stringify(values(row))}\n`);
    hash.update(lines.join(''));
  }
  return hash.digest();
}
