/** What a request for rows of a set asks for; names as in the source. */
export interface OdataQuery {
  top?: number;
  skip?: number;
  orderBy?: readonly string[];
  select?: readonly string[];
  expand?: readonly string[];
  filter?: string;
  count?: 'v4' | 'v3';
  /** For servers that look at `$format` and not at the Accept header. */
  format?: 'json';
}

/**
 * The address of a set. Spaces are `%20`: 1C does not read the `+` that URLSearchParams would write. A name that is no ASCII is
 * percent-encoded.
 */
export function setUrl(root: string, set: string, query: OdataQuery = {}, suffix: '' | '/$count' = ''): URL {
  const options: [string, string | number | undefined][] = [
    ['$filter', query.filter],
    ['$select', listed(query.select)],
    ['$expand', listed(query.expand)],
    ['$orderby', listed(query.orderBy)],
    ['$top', query.top],
    ['$skip', query.skip === 0 ? undefined : query.skip],
    ['$count', query.count === 'v4' ? 'true' : undefined],
    ['$inlinecount', query.count === 'v3' ? 'allpages' : undefined],
    ['$format', query.format],
  ];
  const search = options.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encode(String(value))}`]));
  const question = search.length > 0 ? `?${search.join('&')}` : '';
  return new URL(`${root.replace(/\/+$/, '')}/${encodeURIComponent(set)}${suffix}${question}`);
}

const listed = (names: readonly string[] | undefined): string | undefined =>
  names === undefined || names.length === 0 ? undefined : names.join(',');

/** Commas and slashes stand for themselves in a query, and some servers look for them unencoded. */
const encode = (value: string): string => encodeURIComponent(value).replaceAll('%2C', ',').replaceAll('%2F', '/');

/** An address for messages: readable, and without its query, where a filter may hold what no log should. */
export function shown(url: URL): string {
  try {
    return decodeURI(`${url.origin}${url.pathname}`);
  } catch {
    return `${url.origin}${url.pathname}`;
  }
}
