import { createHash } from 'node:crypto';
import type { OdataOptions } from '../../../connections/odata/odata-options.ts';
import type { OdataRow } from '../../../connections/odata/odata-page.ts';
import { type SetRequest, openOdataSource } from '../../../connections/odata/odata-source.ts';
import { readPassword } from '../../../connections/secrets.ts';
import { Failure } from '../../../errors.ts';
import { type SourceSet, propertiesOf } from '../../../settings/odata-mapping.ts';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { DatasetRows } from './dataset-rows.ts';
import { mapDataset } from './map-dataset.ts';
import { readMapping } from './read-mapping.ts';

/** The answers of the source as they came, set by set. */
export interface RawSet {
  set: string;
  pages: Buffer[];
}

export interface FetchedDataset {
  rows: DatasetRows;
  raw: RawSet[];
  /** Of all answers' bytes, in order. */
  rawSha256: string;
  /** Properties of the default mapping that the source does not have. */
  missing: string[];
}

/**
 * Reads the three sets of the source and maps them.
 * Errors: InvalidConfiguration, SecretUnavailable and those of the source (Odata…); nothing is retried here beyond single requests.
 */
export async function fetchDataset(settings: TransportGraphSettings, signal: AbortSignal): Promise<FetchedDataset> {
  const { mapping, explicit } = await readMapping(settings.odataMapping);
  const source = openOdataSource(await optionsOf(settings), signal);
  const stops = await source.readSet(requestOf(mapping.stops));
  const routes = await source.readSet(requestOf(mapping.routes));
  const flights = await source.readSet(requestOf(mapping.flights));
  const { rows, missing } = mapDataset(
    { dialect: stops.dialect, stops: stops.rows, routes: routes.rows, flights: flights.rows },
    mapping,
    settings.odataTimeZone,
  );
  if (explicit && missing.length > 0) {
    throw new Failure(
      'OdataInvalid',
      `Reading the source: no row has ${missing.join(', ')}, which odata.mapping names. Correct the mapping, or grant the source's user these properties.`,
    );
  }
  const raw = [
    { set: mapping.stops.set, pages: stops.pages },
    { set: mapping.routes.set, pages: routes.pages },
    { set: mapping.flights.set, pages: flights.pages },
  ];
  return { rows, raw, rawSha256: sha256(raw), missing };
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
    keyOf: (row) => JSON.stringify(key.map((name) => valueAt(row, name))),
    ...(select && { select: names }),
    ...(expand.length > 0 && { expand }),
    ...(filter !== undefined && { filter }),
  };
}

function valueAt(row: OdataRow, name: string): unknown {
  const [first = '', inner] = name.split('/');
  const value = row[first];
  return inner === undefined ? value : (value as OdataRow | null | undefined)?.[inner];
}

function sha256(raw: RawSet[]): string {
  const hash = createHash('sha256');
  for (const { pages } of raw) for (const page of pages) hash.update(page);
  return hash.digest('hex');
}
