import { Failure } from '../../errors.ts';
import type { OdataDialect } from './odata-dialect.ts';
import type { OdataOptions } from './odata-options.ts';
import { isXml, parsePage, textOf } from './odata-page.ts';
import { createOdataGet } from './odata-request.ts';
import { type PageReader, type PagedSet, type SetRead, readSetPages } from './read-set-pages.ts';
import { countRows } from './count-rows.ts';
import { propertyTypes } from './edm-types.ts';
import { type OdataQuery, metadataUrl, setUrl } from './odata-url.ts';

export interface SetRequest extends PagedSet {
  /** Properties that make a row's key; the pages are ordered by them, too. */
  key: readonly string[];
  /** Only these properties; `City/Name` is a property of an expanded entity. */
  select?: readonly string[];
  expand?: readonly string[];
  filter?: string;
}

/** A read of one source. Its first request shows the dialect, and all its answers together stay below maxTotalBytes. */
export interface OdataSource {
  /**
   * All rows of a set, once each.
   * Errors: OdataUnavailable, OdataAccessDenied, OdataRejected, OdataInvalid, OdataTooLarge, OdataTornRead.
   */
  readSet(request: SetRequest): Promise<SetRead & { dialect: OdataDialect }>;
  /**
   * Types of a set's properties, such as `Edm.DateTime`; empty when the source does not publish them.
   * Errors: those of readSet.
   */
  typesOf(set: string): Promise<ReadonlyMap<string, string>>;
}

/** What the first answers showed about the server. */
interface Manners {
  dialect: OdataDialect;
  /** It answers XML unless the address says `$format=json`. */
  format: boolean;
}

const JSON_TYPE = 'application/json';
/** Not JSON, which only V4 has for it. */
const METADATA_TYPE = 'application/xml';
/** Makes a V4 server write numbers of 64 bits as texts, because JavaScript rounds them. */
const EXACT_JSON_TYPE = 'application/json;IEEE754Compatible=true';

export function openOdataSource(options: OdataOptions, signal: AbortSignal): OdataSource {
  const get = createOdataGet(options, signal);
  let manners: Promise<Manners> | undefined;

  return {
    typesOf: readTypes,
    async readSet(request) {
      manners ??= learn(request.set);
      const { dialect, format } = await manners;
      const accept = dialect === 'v4' ? EXACT_JSON_TYPE : JSON_TYPE;
      const reader: PageReader = {
        page: async (url) => {
          const answer = await get(url, accept);
          return { page: parsePage(answer), body: answer.body };
        },
        urlFor: (query) =>
          setUrl(options.url, request.set, {
            ...query,
            ...shapeOf(request, dialect),
            ...(format && { format: 'json' }),
          }),
      };
      const count = () =>
        countRows({ get, accept, root: options.url, set: request.set, filter: request.filter, dialect });
      const first = await readOnce(reader, count, request, options);
      if (!('torn' in first)) return { ...first, dialect };
      const second = await readOnce(reader, count, request, options);
      if (!('torn' in second)) return { ...second, dialect };
      throw new Failure(
        'OdataTornRead',
        `Reading ${request.set}: it changed while it was read, twice (${first.torn}; then ${second.torn}). ` +
          'Nothing was saved. If this stays, the source pages without a stable order or the key is not unique.',
      );
    },
  };

  async function readTypes(set: string): Promise<ReadonlyMap<string, string>> {
    try {
      return propertyTypes(textOf(await get(metadataUrl(options.url), METADATA_TYPE)), set);
    } catch (error) {
      if (error instanceof Failure && ['OdataRejected', 'OdataAccessDenied'].includes(error.code)) return new Map();
      throw error;
    }
  }

  async function learn(set: string): Promise<Manners> {
    const asked = await get(setUrl(options.url, set, { top: 1 }), JSON_TYPE);
    if (!isXml(textOf(asked))) return { dialect: parsePage(asked).dialect, format: false };
    const again = await get(setUrl(options.url, set, { top: 1, format: 'json' }), JSON_TYPE);
    return { dialect: parsePage(again).dialect, format: true };
  }
}

/** In V3 and 1C `$select` names the properties of expanded entities; in V4 it must not. */
function shapeOf({ key, select, expand, filter }: SetRequest, dialect: OdataDialect): OdataQuery {
  const top = (name: string): string => name.split('/')[0]!;
  const selected = dialect === 'v4' ? select?.filter((name) => !name.includes('/')) : select;
  return {
    orderBy: key.filter((name) => name === top(name)),
    ...(selected && { select: selected }),
    ...(expand && { expand }),
    ...(filter !== undefined && { filter }),
  };
}

async function readOnce(
  reader: PageReader,
  count: () => Promise<number | null>,
  request: SetRequest,
  options: OdataOptions,
): Promise<SetRead | { torn: string }> {
  const before = await count();
  const read = await readSetPages(reader, request, { ...options, expected: before });
  if ('torn' in read || before === null) return read;
  const after = await count();
  if (after !== before) return { torn: `${before} rows before and ${after} after` };
  if (read.rows.length !== before) return { torn: `${read.rows.length} rows of ${before}` };
  return read;
}
