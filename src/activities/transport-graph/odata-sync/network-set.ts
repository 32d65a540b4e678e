import type { SetCounts } from '../../../records/datasets.ts';
import type { StoredSet, StoredSets } from '../../../records/network-sets.ts';
import { changedRows, flightContent, routeValues, setContent, stopValues } from './dataset-content.ts';
import type { FlightRow, RouteRow, StopRow } from './dataset-rows.ts';
import type { FetchedDataset } from './fetch-dataset.ts';
import type { HashedValue } from './row-hasher.ts';

/** A set of the source beside what its table holds. */
export interface NetworkSet<T> extends StoredSet {
  /** All rows; they are mapped when they are first asked for. Errors: OdataInvalid. */
  all(): T[];
  /** The rows that may differ from the table's; some of them may be equal. null: any row may differ. It counts only when the table has `rowsBefore` rows. */
  changed: T[] | null;
  rowsBefore: number;
}

export interface Network {
  stops: NetworkSet<StopRow>;
  routes: NetworkSet<RouteRow>;
  flights: NetworkSet<FlightRow>;
}

/**
 * Finds in which rows the source may differ from the tables. A set whose answers equal the stored ones is not even mapped. `stored`: null compares
 * every row. Errors: OdataInvalid.
 */
export function compareNetwork(
  { readings, rows }: Pick<FetchedDataset, 'readings' | 'rows'>,
  stored: StoredSets | null,
): Network {
  return {
    stops: compareSet(readings.stops, stored?.stops, rows.stops, stopValues),
    routes: compareSet(readings.routes, stored?.routes, rows.routes, routeValues),
    flights: compareSet(readings.flights, stored?.flights, rows.flights, flightContent),
  };
}

export const countsOf = ({ stops, routes, flights }: Network): SetCounts => ({
  stops: stops.rows,
  routes: routes.rows,
  flights: flights.rows,
});

function compareSet<T extends { id: string }>(
  readingSha256: string,
  stored: StoredSet | undefined,
  all: () => T[],
  values: (row: T) => HashedValue[],
): NetworkSet<T> {
  const rowsBefore = stored?.rows ?? 0;
  if (stored?.readingSha256 === readingSha256) return { ...stored, all, changed: [], rowsBefore };
  const rows = all();
  const content = setContent(rows, values);
  return {
    readingSha256,
    contentSha256: content.sha256,
    rows: rows.length,
    digests: content.digests,
    all,
    changed: changedRows(rows, content, stored?.digests),
    rowsBefore,
  };
}
