import type { ComparedFields } from './compared-row.ts';

/**
 * A row by two CRCs of its numbers and two of its texts: a few machine instructions a byte on either side, where a text of all and its MD5 take a
 * hundred. MySQL's POINT is a native way to the very bytes of two doubles. What the sums cannot miss: docs/decisions/0035.
 */
export interface QuickRow {
  /** Three sums over the rows of a group, as SQL of MySQL. */
  source: string;
  /** SQL of the texts, as they are in `positions`. */
  texts: readonly string[];
  timeLocal: boolean;
  /** null: the mapping names none. */
  receivedLocal: boolean | null;
  /** Of latitude, longitude and the measured numbers: whether they are six digits of a FLOAT. */
  rounded: readonly boolean[];
}

/** In the place of a number that is none. */
export const NO_NUMBER = -1e300;
/** In the place of a text that is none; a text of its own is nothing else's. */
export const NO_TEXT = '~';
/** Between two texts. */
export const SEPARATOR = 0x1f;

/** Before its first use MySQL takes a variable for a text of the session's character set. */
export const QUICK_SESSION = "SET @p = _binary '', @t = _binary ''";

export function quickRow({ id, time, receivedAt, numbers, texts }: ComparedFields): QuickRow {
  const doubles = [
    id,
    time.source,
    ...(receivedAt === null ? [] : [receivedAt.source]),
    ...numbers.map((number) => number?.sql ?? String(NO_NUMBER)),
  ].map((sql) => `IFNULL(${sql}, ${NO_NUMBER})`);
  return {
    source: sumsOf(pointsOf(doubles), textOf(texts.map(({ source }) => source))),
    texts: texts.map(({ target }) => `(${target})::text`),
    timeLocal: time.local,
    receivedLocal: receivedAt?.local ?? null,
    rounded: numbers.map((number) => number?.rounded ?? false),
  };
}

function pointsOf(doubles: readonly string[]): string {
  const pairs: string[] = [];
  for (let at = 0; at < doubles.length; at += 2) pairs.push(`POINT(${doubles[at]}, ${doubles[at + 1] ?? '0e0'})`);
  return `CONCAT(${pairs.join(', ')})`;
}

const textOf = (texts: readonly string[]): string | null =>
  texts.length === 0
    ? null
    : `CONVERT(CONCAT_WS(CHAR(${SEPARATOR} USING utf8mb4), ${texts.map((sql) => `IFNULL(${sql}, '${NO_TEXT}')`).join(', ')}) USING binary)`;

/** The points of a row are worked out once, and kept for the CRC of their reverse. Should a server do that in another order, days differ that do not. */
function sumsOf(points: string, text: string | null): string {
  const ofPoints = `SUM((@a := CRC32(@p := ${points})) * (@b := CRC32(REVERSE(@p))))`;
  if (text === null) return `${ofPoints}, 0, 0`;
  return `${ofPoints}, SUM(CRC32(@t := ${text}) * CAST(@a AS UNSIGNED)), SUM(CRC32(REVERSE(@t)) * CAST(@b AS UNSIGNED))`;
}
