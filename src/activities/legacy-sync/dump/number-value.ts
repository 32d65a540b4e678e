const ZERO = 0x30;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;

/** Powers of ten that a double holds exactly. */
const POWERS = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * Reads a decimal number in ASCII as the nearest double; NaN for any other text. Up to 15 digits and 22 places the quotient of two exact
 * doubles is the nearest double. A longer number, or one with an exponent, is read in a slower way that is just as exact.
 */
export function parseDouble(source: Buffer, start: number, end: number): number {
  const first = source[start];
  let at = first === MINUS || first === PLUS ? start + 1 : start;
  const firstDigit = at;
  let mantissa = 0;
  let point = -1;
  for (; at < end; at++) {
    const byte = source[at]!;
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) mantissa = mantissa * 10 + digit;
    else if (byte === POINT && point < 0) point = at;
    else break;
  }
  const digits = at - firstDigit - (point < 0 ? 0 : 1);
  if (at !== end || digits === 0 || digits > 15) return parseSlowly(source, start, end);
  const value = point < 0 ? mantissa : mantissa / POWERS[end - point - 1]!;
  return first === MINUS ? -value : value;
}

const NUMBER = /^ *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *$/;

function parseSlowly(source: Buffer, start: number, end: number): number {
  if (end - start > 400) return Number.NaN;
  const text = source.toString('latin1', start, end);
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : Number.NaN;
}

/** Reads a whole number of at most 15 digits, which a double holds exactly; NaN for any other text. */
export function parseShortInteger(source: Buffer, start: number, end: number): number {
  const negative = source[start] === MINUS;
  let at = negative ? start + 1 : start;
  if (at === end || end - at > 15) return Number.NaN;
  let value = 0;
  for (; at < end; at++) {
    const digit = source[at]! - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

const INTEGER = /^-?[0-9]{1,40}$/;

/** Reads a whole number of any size; null for any other text. */
export function parseInteger(source: Buffer, start: number, end: number): bigint | null {
  if (end - start > 41) return null;
  const text = source.toString('latin1', start, end);
  return INTEGER.test(text) ? BigInt(text) : null;
}
