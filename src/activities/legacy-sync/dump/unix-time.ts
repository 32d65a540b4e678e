import type { LocalTime, LocalTimeKind } from './local-time.ts';

/** The end of the year 9999, where MySQL's own times end. */
const LAST_SECOND = 253_402_300_799;
/** March 1973 in milliseconds. A smaller number was written in seconds. */
const FEWEST_MILLISECONDS = 100_000_000_000;

/**
 * Reads seconds since 1970, or milliseconds (`perSecond` 1000), in digits and perhaps with a fraction, exact to the microsecond. 0 means that
 * there was no time. A number that is only plausible in the other unit is invalid.
 */
export function readUnixTime(
  source: Buffer,
  start: number,
  end: number,
  into: LocalTime,
  perSecond: number,
): LocalTimeKind {
  let whole = 0;
  let at = start;
  for (; at < end && isDigit(source[at]!); at++) whole = whole * 10 + source[at]! - 0x30;
  const digits = at - start;
  if (digits === 0 || digits > 15) return 'invalid';
  const micros = readFraction(source, at, end);
  if (micros < 0) return 'invalid';
  if (whole === 0 && micros === 0) return 'zero';
  if (perSecond === 1000 && whole < FEWEST_MILLISECONDS) return 'invalid';
  into.seconds = Math.floor(whole / perSecond);
  into.micros = Math.floor(((whole % perSecond) * 1_000_000 + micros) / perSecond);
  return into.seconds > LAST_SECOND ? 'invalid' : 'time';
}

/** Reads `.123` as millionths; 0 at the end of the text, -1 for any other text. Digits below a millionth are cut off. */
function readFraction(source: Buffer, point: number, end: number): number {
  if (point === end) return 0;
  if (source[point] !== 0x2e || point + 1 === end) return -1;
  let micros = 0;
  let unit = 100_000;
  for (let at = point + 1; at < end; at++) {
    if (!isDigit(source[at]!)) return -1;
    micros += (source[at]! - 0x30) * unit;
    unit = Math.floor(unit / 10);
  }
  return micros;
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
