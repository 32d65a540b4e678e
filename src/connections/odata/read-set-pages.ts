import { Failure } from '../../errors.ts';
import { createKeySet } from './key-set.ts';
import type { OdataPage, OdataRow } from './odata-page.ts';
import { type OdataQuery, shown } from './odata-url.ts';

/** A set and the key of its rows. */
export interface PagedSet {
  set: string;
  keyOf: (row: OdataRow) => string;
}

export interface PageReader {
  page(url: URL): Promise<{ page: OdataPage; body: Buffer }>;
  /** The address of one request of this set, in the source's dialect. */
  urlFor(query: OdataQuery): URL;
}

export interface SetRead {
  rows: OdataRow[];
  /** The answers' bytes, in order. */
  pages: Buffer[];
}

export interface PageLimits {
  pageSize: number;
  maxPages: number;
  /** Rows that the server counted; null when it does not count. */
  expected: number | null;
}

/**
 * Reads a set in windows of `$top` rows. Within a window it follows the server's next links, if there are any; the next window begins
 * after the rows read so far. A window larger than `$top` ends the read: that server ignores `$top` and has sent every row.
 */
export async function readSetPages(
  reader: PageReader,
  { set, keyOf }: PagedSet,
  { pageSize, maxPages, expected }: PageLimits,
): Promise<SetRead | { torn: string }> {
  const read: SetRead = { rows: [], pages: [] };
  const isNew = createKeySet();
  const visited = new Set<string>();
  for (;;) {
    const before = read.rows.length;
    let url: URL | null = reader.urlFor({ top: pageSize, skip: before });
    while (url !== null) {
      if (read.pages.length >= maxPages) {
        throw new Failure(
          'OdataTooLarge',
          `Reading ${set}: more than ${maxPages} pages. Raise odata.max_pages or odata.page_size.`,
        );
      }
      visited.add(url.href);
      const { page, body } = await reader.page(url);
      read.pages.push(body);
      for (const row of page.rows) {
        if (!isNew(keyOf(row))) return { torn: `row ${read.rows.length + 1} was there before` };
        read.rows.push(row);
      }
      url = page.nextLink === null ? null : followed(page.nextLink, url, visited);
    }
    const window = read.rows.length - before;
    if (window === 0 || window > pageSize) return read;
    if (expected === null ? window < pageSize : read.rows.length >= expected) return read;
  }
}

/** Takes a next link as it is. It refuses one to another host, which would receive our login, and one to a page that was read. */
function followed(nextLink: string, from: URL, visited: ReadonlySet<string>): URL {
  const refuse = (why: string) =>
    new Failure(
      'OdataInvalid',
      `Reading ${shown(from)}: its next link ${why}. Correct the source, or odata.url to the host its links name.`,
    );
  if (!URL.canParse(nextLink, from.href)) throw refuse('is no address');
  const url = new URL(nextLink, from);
  if (url.origin !== from.origin) throw refuse(`leads to ${url.origin}`);
  if (visited.has(url.href)) throw refuse('leads back to a page that was read');
  return url;
}
