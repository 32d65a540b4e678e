import { Failure } from '../../errors.ts';
import type { OdataRow } from './odata-page.ts';
import type { PageReader, SetRequest } from './odata-source.ts';
import { shown } from './odata-url.ts';

export interface SetRead {
  rows: OdataRow[];
  /** The answers' bytes, in order. */
  pages: Buffer[];
}

export interface PageLimits {
  pageSize: number;
  maxPages: number;
  /** Rows the server counted; null when it does not count. */
  expected: number | null;
}

/**
 * Reads a set in windows of `$top` rows. Within a window the server's own next links lead on, where it has them; the next window begins
 * after the rows so far. A server that ignores `$top` has given everything at once.
 */
export async function readSetPages(
  reader: PageReader,
  { set, keyOf }: Pick<SetRequest, 'set' | 'keyOf'>,
  { pageSize, maxPages, expected }: PageLimits,
): Promise<SetRead | { torn: string }> {
  const read: SetRead = { rows: [], pages: [] };
  const keys = new Set<string>();
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
        const key = keyOf(row);
        if (keys.has(key)) return { torn: `row ${read.rows.length + 1} was there before` };
        keys.add(key);
        read.rows.push(row);
      }
      url = page.nextLink === null ? null : followed(page.nextLink, url, visited);
    }
    const window = read.rows.length - before;
    if (window === 0 || window > pageSize) return read;
    if (expected === null ? window < pageSize : read.rows.length >= expected) return read;
  }
}

/** A next link is taken as it is, but never to another host, where our login has no business, and never in a circle. */
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
