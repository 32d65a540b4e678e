import type { OdataDialect } from '../../../connections/odata/odata-dialect.ts';
import type { OdataRow } from '../../../connections/odata/odata-page.ts';
import { Failure } from '../../../errors.ts';
import { type OdataMapping, type SourceSet, propertiesOf } from '../../../settings/odata-mapping.ts';
import { DEFAULT_SEATS, DEFAULT_TRANSPORT_TYPE, type FlightRow, type RouteRow, type StopRow } from './dataset-rows.ts';
import { createKeySet } from '../../../connections/odata/key-set.ts';
import { ignoredRows } from './ignored-row.ts';
import { RowProblem, type RowReader, createRowReader } from './row-reader.ts';
import { type JsonDateKind, createTimeReader } from './source-values.ts';

export interface SourceRows {
  dialect: OdataDialect;
  stops: OdataRow[];
  routes: OdataRow[];
  flights: OdataRow[];
  /** What dates of V2 without an offset are, by property of the flights; `clock` for others. */
  jsonDates?: ReadonlyMap<string, JsonDateKind>;
}

const LATITUDE = { from: -90, to: 90 };
const LONGITUDE = { from: -180, to: 180 };
const MINUTES = { from: -2_147_483_648, to: 2_147_483_647, whole: true } as const;
const KILOMETRES = { from: 0, to: 50_000 };
const RUBLES = { from: 0, to: 9_999_999_999 };
const SEATS = { from: 0, to: 2_147_483_647, whole: true } as const;

/** The sets in our terms. Each is mapped when it is first asked for, because one that is as it was need not be. Errors: OdataInvalid. */
export interface MappedDataset {
  stops(): StopRow[];
  routes(): RouteRow[];
  flights(): FlightRow[];
  /** Properties of the mapping, such as `Routes.DistanceKm`, that no row has of the sets which were mapped so far. */
  missing: string[];
}

/** Maps the source's rows to stops, routes and flights. Its errors give the number of rows of a set that cannot be read. */
export function mapDataset(source: SourceRows, mapping: OdataMapping, timeZone: string): MappedDataset {
  const readTime = createTimeReader(timeZone);
  const missing: string[] = [];
  const read = <T extends { id: string }>(rows: OdataRow[], from: SourceSet, map: (row: RowReader) => T): T[] => {
    const ignored = ignoredRows(from, source.dialect);
    const own = rows.filter((row) => !ignored(row));
    missing.push(...missingProperties(own, from));
    return mapRows(own, from, createRowReader(source.dialect, readTime), map);
  };
  const stops = once(() => read(source.stops, mapping.stops, (row) => toStop(row, mapping.stops.fields)));
  const routes = once(() => read(source.routes, mapping.routes, (row) => toRoute(row, mapping.routes.fields)));
  const flights = once(() => {
    const { fields } = mapping.flights;
    const routesById = new Map(takesStopsOfRoutes(mapping) ? routes().map((route) => [route.id, route]) : []);
    const jsonDates = source.jsonDates ?? new Map<string, JsonDateKind>();
    return read(source.flights, mapping.flights, (row) => toFlight(row, fields, { routesById, jsonDates }));
  });
  return { stops, routes, flights, missing };
}

/** Whether flights are read by what their routes say. */
export const takesStopsOfRoutes = ({ flights: { fields } }: OdataMapping): boolean =>
  fields.fromStopId === undefined || fields.toStopId === undefined;

function once<T>(make: () => T[]): () => T[] {
  let made: T[] | undefined;
  return () => (made ??= make());
}

function toStop(row: RowReader, fields: OdataMapping['stops']['fields']): StopRow {
  const latitude = row.optionalNumber(fields.latitude, LATITUDE);
  const longitude = row.optionalNumber(fields.longitude, LONGITUDE);
  return {
    id: row.key(fields.id),
    name: row.text(fields.name),
    cityName: row.optionalText(fields.cityName),
    latitude,
    longitude,
  };
}

function toRoute(row: RowReader, fields: OdataMapping['routes']['fields']): RouteRow {
  return {
    id: row.key(fields.id),
    name: row.text(fields.name),
    fromStopId: row.key(fields.fromStopId),
    toStopId: row.key(fields.toStopId),
    transportType: row.optionalText(fields.transportType) ?? DEFAULT_TRANSPORT_TYPE,
    durationMinutes: row.optionalNumber(fields.durationMinutes, MINUTES),
    distanceKm: row.optionalNumber(fields.distanceKm, KILOMETRES),
    fareRub: row.optionalNumber(fields.fareRub, RUBLES),
  };
}

function toFlight(
  row: RowReader,
  fields: OdataMapping['flights']['fields'],
  {
    routesById,
    jsonDates,
  }: { routesById: ReadonlyMap<string, RouteRow>; jsonDates: ReadonlyMap<string, JsonDateKind> },
): FlightRow {
  const routeId = row.key(fields.routeId);
  const route = (): RouteRow => {
    const found = routesById.get(routeId);
    if (found === undefined)
      throw new RowProblem('its route is not among the routes, and the mapping takes its stops from there');
    return found;
  };
  return {
    id: row.key(fields.id),
    routeId,
    fromStopId: fields.fromStopId === undefined ? route().fromStopId : row.key(fields.fromStopId),
    toStopId: fields.toStopId === undefined ? route().toStopId : row.key(fields.toStopId),
    departureAt: row.time(fields.departureAt, jsonDates.get(fields.departureAt)),
    arrivalAt: row.time(fields.arrivalAt, jsonDates.get(fields.arrivalAt)),
    availableSeats: row.optionalNumber(fields.availableSeats, SEATS) ?? DEFAULT_SEATS,
  };
}

/** Counts the rows that cannot be read and describes the first, so that a person can tell a bad row from a wrong mapping. */
function mapRows<T extends { id: string }>(
  rows: OdataRow[],
  { set }: SourceSet,
  reader: ReturnType<typeof createRowReader>,
  map: (row: RowReader) => T,
): T[] {
  const mapped: T[] = [];
  const isNew = createKeySet();
  let bad = 0;
  let first = '';
  rows.forEach((row, index) => {
    reader.read(row);
    try {
      const each = map(reader);
      if (!isNew(each.id)) throw new RowProblem('its key was there before');
      mapped.push(each);
    } catch (error) {
      if (!(error instanceof RowProblem)) throw error;
      if (++bad === 1) first = `number ${index + 1}: ${error.message}`;
    }
  });
  if (bad === 0) return mapped;
  throw new Failure(
    'OdataInvalid',
    `Reading ${set}: ${bad} of ${rows.length} rows cannot be used; the first is ${first}. Nothing was saved; correct the source or odata.mapping.`,
  );
}

function missingProperties(rows: OdataRow[], { set, fields }: SourceSet): string[] {
  if (rows.length === 0) return [];
  return propertiesOf({ fields })
    .filter((name) => rows.every((row) => row[name.split('/')[0]!] === undefined))
    .map((name) => `${set}.${name}`);
}
