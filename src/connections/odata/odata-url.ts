/** The query of a request for rows of a set; names are the source's. */
export interface OdataQuery {
  top?: number;
  skip?: number;
  orderBy?: readonly string[];
  select?: readonly string[];
  expand?: readonly string[];
  filter?: string;
  count?: 'v4' | 'v3';
  /** For servers that ignore the Accept header and read `$format`. */
  format?: 'json';
}

/**
 * The address of a set. Spaces are `%20`, because 1C does not read the `+` that URLSearchParams writes. Names outside of ASCII are
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

/** The address of the document that describes the sets and their types. */
export const metadataUrl = (root: string): URL => new URL(`${root.replace(/\/+$/, '')}/$metadata`);

const listed = (names: readonly string[] | undefined): string | undefined =>
  names === undefined || names.length === 0 ? undefined : names.join(',');

/** A query may hold commas and slashes as they are, and some servers do not decode them. */
const encode = (value: string): string => encodeURIComponent(value).replaceAll('%2C', ',').replaceAll('%2F', '/');

/** An address for messages: readable, and without its query, because a filter may hold what must not be logged. */
export function shown(url: URL): string {
  try {
    return decodeURI(`${url.origin}${url.pathname}`);
  } catch {
    return `${url.origin}${url.pathname}`;
  }
}
