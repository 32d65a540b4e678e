import type { ComparedFields } from './compared-row.ts';

/**
 * A row by the CRC of its numbers and texts and by that of the same bytes in reverse: a few machine instructions a byte on either side, where a
 * text of all and its MD5 take a hundred. MySQL's POINT is a native way to the very bytes of two doubles. What the sums cannot miss: docs/decisions/0045.
 */
export interface QuickRow {
  /** A sum over the rows of a group, as SQL of MySQL. */
  source: string;
  /** The vehicle's legacy id comes before the texts: the rows of more than one vehicle are summed up together. */
  withVehicle: boolean;
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
export const QUICK_SESSION = "SET @p = _binary ''";

/** `vehicle`: SQL of the legacy id, where rows of more than one are summed up together. */
export function quickRow({ id, time, receivedAt, numbers, texts }: ComparedFields, vehicle: string | null): QuickRow {
  const ofVehicle = vehicle === null ? [] : [`CONVERT(CONCAT(${vehicle}) USING utf8mb4)`];
  const doubles = [
    id,
    time.source,
    ...(receivedAt === null ? [] : [receivedAt.source]),
    ...numbers.map((number) => number?.sql ?? String(NO_NUMBER)),
  ].map((sql) => `IFNULL(${sql}, ${NO_NUMBER})`);
  return {
    source: sumOf([...pointsOf(doubles), ...textOf([...ofVehicle, ...texts.map(({ source }) => source)])]),
    withVehicle: vehicle !== null,
    texts: texts.map(({ target }) => `(${target})::text`),
    timeLocal: time.local,
    receivedLocal: receivedAt?.local ?? null,
    rounded: numbers.map((number) => number?.rounded ?? false),
  };
}

function pointsOf(doubles: readonly string[]): string[] {
  const pairs: string[] = [];
  for (let at = 0; at < doubles.length; at += 2) pairs.push(`POINT(${doubles[at]}, ${doubles[at + 1] ?? '0e0'})`);
  return pairs;
}

const textOf = (texts: readonly string[]): string[] =>
  texts.length === 0
    ? []
    : [
        `CONVERT(CONCAT_WS(CHAR(${SEPARATOR} USING utf8mb4), ${texts.map((sql) => `IFNULL(${sql}, '${NO_TEXT}')`).join(', ')}) USING binary)`,
      ];

/** A row's bytes are worked out once, and kept for the CRC of their reverse. Should a server do that in another order, days differ that do not. */
const sumOf = (bytes: readonly string[]): string =>
  `SUM(CRC32(@p := CONCAT(${bytes.join(', ')})) * CRC32(REVERSE(@p)))`;
