/** A date and time of the dump, without a zone yet. One object is reused for every value. */
export interface LocalTime {
  /** Seconds since 1970-01-01 00:00:00 on the clock that wrote the time. */
  seconds: number;
  micros: number;
}

export type LocalTimeKind = 'time' | 'zero' | 'partial' | 'invalid' | 'missing';

const DAYS_IN_MONTH = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads `2025-03-09 01:59:59.999999` (a date alone is its midnight). `zero` is 0000-00-00, `partial` has a zero month, day or year:
 * MySQL stores both. Years before 1000 are outside what MySQL promises and count as invalid.
 */
export function readLocalTime(source: Buffer, start: number, end: number, into: LocalTime): LocalTimeKind {
  const length = end - start;
  if (length < 10 || source[start + 4] !== 0x2d || source[start + 7] !== 0x2d) return 'invalid';
  const year = pair(source, start) * 100 + pair(source, start + 2);
  const month = pair(source, start + 5);
  const day = pair(source, start + 8);
  const second = length === 10 ? 0 : readClock(source, start + 10, end, into);
  if (length === 10) into.micros = 0;
  // A pair that is no number makes its sum far below zero.
  if (year < 0 || month < 0 || day < 0 || second < 0) return 'invalid';
  return atDate(year, month, day, second, into);
}

/** The same for fields that were read already; `second` counts from midnight. */
export function atDate(year: number, month: number, day: number, second: number, into: LocalTime): LocalTimeKind {
  if (year === 0 && month === 0 && day === 0) return 'zero';
  if (year === 0 || month === 0 || day === 0) return 'partial';
  if (year < 1000 || month > 12 || day > DAYS_IN_MONTH[month]! || (month === 2 && day === 29 && !isLeap(year))) {
    return 'invalid';
  }
  into.seconds = daysSinceEpoch(year, month, day) * 86_400 + second;
  return 'time';
}

function readClock(source: Buffer, at: number, end: number, into: LocalTime): number {
  if (end - at < 9 || (source[at] !== 0x20 && source[at] !== 0x54)) return -1;
  if (source[at + 3] !== 0x3a || source[at + 6] !== 0x3a) return -1;
  const hour = pair(source, at + 1);
  const minute = pair(source, at + 4);
  const second = pair(source, at + 7);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return -1;
  into.micros = 0;
  if (end - at > 9 && !readFraction(source, at + 9, end, into)) return -1;
  return hour * 3600 + minute * 60 + second;
}

function readFraction(source: Buffer, point: number, end: number, into: LocalTime): boolean {
  const digits = end - point - 1;
  if (source[point] !== 0x2e || digits < 1 || digits > 6) return false;
  let micros = 0;
  for (let at = point + 1; at < end; at++) {
    const digit = source[at]! - 0x30;
    if (digit < 0 || digit > 9) return false;
    micros = micros * 10 + digit;
  }
  for (let missing = 6 - digits; missing > 0; missing--) micros *= 10;
  into.micros = micros;
  return true;
}

function pair(source: Buffer, at: number): number {
  const tens = source[at]! - 0x30;
  const ones = source[at + 1]! - 0x30;
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -100_000 : tens * 10 + ones;
}

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

/** Days of the proleptic Gregorian calendar, counted from March so that the leap day is the last of its year. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
