import { createHash } from 'node:crypto';
import type { OdataOptions } from '../../../connections/odata/odata-options.ts';
import type { OdataRow } from '../../../connections/odata/odata-page.ts';
import { type OdataSource, type SetRequest, openOdataSource } from '../../../connections/odata/odata-source.ts';
import { readPassword } from '../../../connections/secrets.ts';
import { Failure } from '../../../errors.ts';
import type { SetCounts } from '../../../records/datasets.ts';
import { type OdataMapping, type SourceSet, propertiesOf } from '../../../settings/odata-mapping.ts';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import { FORM } from './dataset-content.ts';
import { type MappedDataset, mapDataset, takesStopsOfRoutes } from './map-dataset.ts';
import { readMapping } from './read-mapping.ts';
import { type JsonDateKind, isBareJsonDate } from './source-values.ts';

/** The source's answers for one set, as they came. */
export interface RawSet {
  set: string;
  pages: Buffer[];
}

export interface FetchedDataset {
  raw: RawSet[];
  /** SHA-256 of the bytes of all answers, in order. */
  rawSha256(): string;
  /** Of each set, SHA-256 of its answers and of all that decides how they are read. The same again has the same content. */
  readings: Readings;
  /** SHA-256 of all readings. */
  readingSha256: string;
  rows: MappedDataset;
  /**
   * Properties of the mapping that no row has of the sets which were mapped so far.
   * Errors: OdataInvalid, when somebody wrote this mapping.
   */
  missing(): string[];
}

type Readings = Record<keyof SetCounts, string>;

/**
 * Reads the three sets of the source. Retries single requests only.
 * Errors: InvalidConfiguration, SecretUnavailable and those of the source (Odata…).
 */
export async function fetchDataset(settings: TransportGraphSettings, signal: AbortSignal): Promise<FetchedDataset> {
  const { mapping, explicit } = await readMapping(settings.odataMapping);
  const source = openOdataSource(await optionsOf(settings), signal);
  const stops = await source.readSet(requestOf(mapping.stops));
  const routes = await source.readSet(requestOf(mapping.routes));
  const flights = await source.readSet(requestOf(mapping.flights));
  const { dialect } = stops;
  const jsonDates = await jsonDatesOf(source, mapping.flights, flights.rows);
  const { odataTimeZone } = settings;
  const answers = { dialect, stops: stops.rows, routes: routes.rows, flights: flights.rows, jsonDates };
  const raw = [
    { set: mapping.stops.set, pages: stops.pages },
    { set: mapping.routes.set, pages: routes.pages },
    { set: mapping.flights.set, pages: flights.pages },
  ];
  const readings = readingsOf(raw, mapping, [FORM, mapping, explicit, odataTimeZone, dialect, [...jsonDates]]);
  const rows = mapDataset(answers, mapping, odataTimeZone);
  return {
    raw,
    rawSha256: () => sha256(raw.flatMap(({ pages }) => pages)),
    readings,
    readingSha256: sha256([JSON.stringify(readings)]),
    rows,
    missing: () => missingOf(rows, explicit),
  };
}

/** `how`: what decides how answers are read. */
function readingsOf([stops, routes, flights]: RawSet[], mapping: OdataMapping, how: unknown[]): Readings {
  const reading = (...sets: RawSet[]): string =>
    sha256([JSON.stringify([how, sets.map(({ pages }) => sha256(pages))])]);
  return {
    stops: reading(stops!),
    routes: reading(routes!),
    flights: takesStopsOfRoutes(mapping) ? reading(routes!, flights!) : reading(flights!),
  };
}

function missingOf({ missing }: MappedDataset, explicit: boolean): string[] {
  if (!explicit || missing.length === 0) return missing;
  throw new Failure(
    'OdataInvalid',
    `Reading the source: no row has ${missing.join(', ')}, which odata.mapping names. Correct the mapping, or grant the source's user these properties.`,
  );
}

/**
 * What `/Date(ms)/` without an offset is in each property of the flights that has one. A guess would be wrong by the source's whole offset.
 * Errors: OdataInvalid when neither the mapping nor `$metadata` says it.
 */
async function jsonDatesOf(
  source: OdataSource,
  { set, fields, jsonDates }: OdataMapping['flights'],
  rows: OdataRow[],
): Promise<Map<string, JsonDateKind>> {
  const bare = [...new Set([fields.departureAt, fields.arrivalAt])].filter((name) =>
    rows.some(name.includes('/') ? (row) => isBareJsonDate(valueAt(row, name)) : (row) => isBareJsonDate(row[name])),
  );
  if (bare.length === 0) return new Map();
  if (jsonDates !== 'metadata') return new Map(bare.map((name) => [name, jsonDates]));
  const types = await source.typesOf(set);
  return new Map(bare.map((name) => [name, kindOf(set, name, types.get(name))]));
}

function kindOf(set: string, name: string, type: string | undefined): JsonDateKind {
  if (type === 'Edm.DateTime') return 'clock';
  if (type === 'Edm.DateTimeOffset') return 'instant';
  throw new Failure(
    'OdataInvalid',
    `Reading ${set}: ${name} is a /Date(…)/ without an offset, and $metadata ${type === undefined ? 'does not say its type' : `says ${type}`}: ` +
      'neither Edm.DateTime, the clock of the source, nor Edm.DateTimeOffset, an instant. Say by `jsonDates` of `flights` in odata.mapping which it is, "clock" or "instant".',
  );
}

async function optionsOf(settings: TransportGraphSettings): Promise<OdataOptions> {
  if (settings.odataUrl === '') {
    throw new Failure('InvalidConfiguration', 'There is no OData source yet: set transport_graph.odata.url.');
  }
  const user = settings.odataUser;
  const login = user === '' ? null : { user, password: await readPassword(settings.odataPasswordRef || null) };
  return {
    url: settings.odataUrl,
    login,
    pageSize: settings.odataPageSize,
    maxPages: settings.odataMaxPages,
    maxPageBytes: settings.odataMaxPageBytes,
    maxTotalBytes: settings.odataMaxTotalBytes,
    requestTimeoutMs: settings.odataRequestTimeoutMs,
    requestAttempts: settings.odataRequestAttempts,
    retryInitialMs: settings.odataRetryInitialMs,
    retryMaxMs: settings.odataRetryMaxMs,
  };
}

function requestOf({ set, fields, select, ignoreWhen, filter }: SourceSet): SetRequest {
  const names = [...new Set([...propertiesOf({ fields }), ...Object.keys(ignoreWhen)])];
  const expand = [...new Set(names.filter((name) => name.includes('/')).map((name) => name.split('/')[0]!))];
  const key = [fields.id].flat();
  return {
    set,
    key,
    keyOf: keyReader(key),
    ...(select && { select: names }),
    ...(expand.length > 0 && { expand }),
    ...(filter !== undefined && { filter }),
  };
}

/** One text per key. A key that is one text is itself; any other begins as no such text may. */
function keyReader(key: string[]): (row: OdataRow) => string {
  const [only] = key;
  const several = (row: OdataRow): string => `\0${JSON.stringify(key.map((name) => valueAt(row, name)))}`;
  if (key.length > 1 || only === undefined || only.includes('/')) return several;
  return (row) => {
    const value = row[only];
    return typeof value === 'string' && !value.startsWith('\0') ? value : several(row);
  };
}

function valueAt(row: OdataRow, name: string): unknown {
  const [first = '', inner] = name.split('/');
  const value = row[first];
  return inner === undefined ? value : (value as OdataRow | null | undefined)?.[inner];
}

function sha256(parts: Iterable<Buffer | string>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
