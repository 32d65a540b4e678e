import { Failure } from '../../errors.ts';
import type { OdataDialect } from './odata-dialect.ts';
import type { OdataOptions } from './odata-options.ts';
import { type OdataPage, isXml, parsePage, textOf } from './odata-page.ts';
import { createOdataGet } from './odata-request.ts';
import { type SetRead, readSetPages } from './read-set-pages.ts';
import { countRows } from './count-rows.ts';
import { type OdataQuery, setUrl } from './odata-url.ts';

export interface SetRequest {
  set: string;
  /** Properties that make a row's key; the stable order of the pages too. */
  key: readonly string[];
  keyOf: (row: Record<string, unknown>) => string;
  /** Only these properties; `City/Name` is one of an entity that is expanded. */
  select?: readonly string[];
  expand?: readonly string[];
  filter?: string;
}

/** A read of one source: it learns the dialect with its first request, and all its answers share one limit of size. */
export interface OdataSource {
  /**
   * All rows of a set, once each.
   * Errors: OdataUnavailable, OdataAccessDenied, OdataRejected, OdataInvalid, OdataTooLarge, OdataTornRead.
   */
  readSet(request: SetRequest): Promise<SetRead & { dialect: OdataDialect }>;
}

/** What a server turned out to need beside the standard's own. */
interface Manners {
  dialect: OdataDialect;
  /** It answers XML unless the address says `$format=json`. */
  format: boolean;
}

export interface PageReader {
  page(url: URL): Promise<{ page: OdataPage; body: Buffer }>;
  /** The address of one request of this set, in the source's dialect. */
  urlFor(query: OdataQuery): URL;
}

const JSON_TYPE = 'application/json';
/** V4 then writes numbers of 64 bits as texts: JavaScript would round them. */
const EXACT_JSON_TYPE = 'application/json;IEEE754Compatible=true';

export function openOdataSource(options: OdataOptions, signal: AbortSignal): OdataSource {
  const get = createOdataGet(options, signal);
  let manners: Promise<Manners> | undefined;

  return {
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

  async function learn(set: string): Promise<Manners> {
    const asked = await get(setUrl(options.url, set, { top: 1 }), JSON_TYPE);
    if (!isXml(textOf(asked))) return { dialect: parsePage(asked).dialect, format: false };
    const again = await get(setUrl(options.url, set, { top: 1, format: 'json' }), JSON_TYPE);
    return { dialect: parsePage(again).dialect, format: true };
  }
}

/** `$select` of V3 and 1C names the properties of expanded entities; that of V4 must not. */
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
