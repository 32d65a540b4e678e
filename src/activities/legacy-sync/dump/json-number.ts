import { type CopyBuffer, putBytes, reserve } from './copy-buffer.ts';

const ZERO = 0x30;
const POINT = 0x2e;
const MINUS = 0x2d;
const PLUS = 0x2b;

/** The longest number that is accepted: a DECIMAL has 65 digits, a DOUBLE without exponent 309. */
const LONGEST = 400;

/**
 * Writes a decimal number digit by digit, so that 18446744073709551615 and 0.10 keep all digits. It drops what JSON does not allow: a leading
 * + and the zeros of ZEROFILL. Returns false when the value is no number; it may have written a part by then.
 */
export function putJsonNumber(out: CopyBuffer, source: Buffer, start: number, end: number): boolean {
  if (end - start > LONGEST) return false;
  reserve(out, end - start + 2);
  const { bytes } = out;
  let at = start;
  if (source[at] === MINUS) bytes[out.length++] = source[at++]!;
  else if (source[at] === PLUS) at++;
  while (at + 1 < end && source[at] === ZERO && isDigit(source[at + 1])) at++;
  const whole = digitsEnd(source, at, end);
  if (whole === at) {
    if (source[at] !== POINT) return false;
    bytes[out.length++] = ZERO;
  }
  putBytes(out, source, at, whole);
  at = whole;
  if (at < end && source[at] === POINT) {
    const fraction = digitsEnd(source, at + 1, end);
    if (fraction === at + 1) return false;
    putBytes(out, source, at, fraction);
    at = fraction;
  }
  return at === end || putExponent(out, source, at, end);
}

/** Accepts at most three digits: with more PostgreSQL's numeric overflows, and no MySQL type has more. */
function putExponent(out: CopyBuffer, source: Buffer, at: number, end: number): boolean {
  if (source[at] !== 0x65 && source[at] !== 0x45) return false;
  const signed = source[at + 1] === MINUS || source[at + 1] === PLUS;
  const digits = signed ? at + 2 : at + 1;
  if (digits >= end || end - digits > 3 || digitsEnd(source, digits, end) !== end) return false;
  putBytes(out, source, at, end);
  return true;
}

function digitsEnd(source: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && isDigit(source[at])) at++;
  return at;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= 0x39;
