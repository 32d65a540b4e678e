import { isAscii } from 'node:buffer';
import { Failure } from '../../errors.ts';
import { type OdataDialect, detectDialect } from './odata-dialect.ts';
import type { OdataAnswer } from './odata-request.ts';
import { shown } from './odata-url.ts';

export type OdataRow = Record<string, unknown>;

export interface OdataPage {
  dialect: OdataDialect;
  rows: OdataRow[];
  /** As the server wrote it; null on the last page, and in a dialect without next links. */
  nextLink: string | null;
  /** Rows of the whole set, when the request asked for a count. */
  count: number | null;
}

/** UTF-8 without the byte order mark that 1C and some proxies put in front. Errors: OdataInvalid. */
export function textOf({ body, url }: Pick<OdataAnswer, 'body' | 'url'>): string {
  // Most pages of routes and flights are ASCII. To decode these as UTF-8 takes twice as long.
  if (isAscii(body)) return body.toString('latin1');
  try {
    // TextDecoder drops a byte order mark.
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw new Failure('OdataInvalid', `Reading ${shown(url)}: the answer is no UTF-8. Correct the source.`, { cause });
  }
}

/** Rows, next link and count in the form of each dialect. Errors: OdataInvalid. */
export function parsePage(answer: OdataAnswer): OdataPage {
  const { url, headers } = answer;
  const body = parseObject(answer);
  const dialect = detectDialect(url, body, headers);
  const envelope = isObject(body['d']) ? body['d'] : body;
  const rows = [body['value'], envelope['results'], body['d']].find((candidate) => Array.isArray(candidate));
  if (!isRows(rows)) {
    throw new Failure(
      'OdataInvalid',
      `Reading ${shown(url)}: the answer has no list of rows. Correct odata.url or the mapping.`,
    );
  }
  const nextLink = body['@odata.nextLink'] ?? body['odata.nextLink'] ?? envelope['__next'] ?? null;
  if (nextLink !== null && typeof nextLink !== 'string') {
    throw new Failure('OdataInvalid', `Reading ${shown(url)}: its next link is no text. Correct the source.`);
  }
  return {
    dialect,
    rows,
    nextLink,
    count: countIn(body['@odata.count'] ?? body['odata.count'] ?? envelope['__count']),
  };
}

/** V3, V2 and 1C write a count as text, V4 as a number. null: no count. */
export function countIn(value: unknown): number | null {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  if (typeof value === 'string' && /^\s*[0-9]{1,15}\s*$/.test(value)) return Number(value);
  return null;
}

function parseObject(answer: OdataAnswer): Record<string, unknown> {
  const text = textOf(answer);
  const refuse = (found: string, cause?: unknown) =>
    new Failure('OdataInvalid', `Reading ${shown(answer.url)}: ${found}. Nothing was saved; correct the source.`, {
      cause,
    });
  if (isXml(text)) throw refuse('the source answers XML although it was asked for JSON');
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    // The parser's own message would quote the answer's text.
    const type = answer.headers.get('content-type') ?? 'no content type';
    throw refuse(`the answer (${answer.body.length} bytes, ${type}) is no complete JSON`, error);
  }
  if (!isObject(body)) throw refuse('the answer is no JSON object');
  return body;
}

export const isXml = (text: string): boolean => /^\s*</.test(text);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isRows = (value: unknown): value is OdataRow[] => Array.isArray(value) && value.every(isObject);
