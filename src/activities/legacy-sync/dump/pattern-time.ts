import { type PatternField, type PatternPart, patternParts } from '../../../settings/time-pattern.ts';
import { offsetSeconds } from './iso-time.ts';
import { atDate, type LocalTime, type LocalTimeKind } from './local-time.ts';

export type PatternReader = (source: Buffer, start: number, end: number, into: LocalTime) => LocalTimeKind;

interface Fields extends Record<PatternField, number> {
  /** 0 for AM, 12 for PM, NaN on a clock of 24 hours. */
  halfDay: number;
  offset: number;
}

/** Reads texts of one pattern. Any other text, and any character after the pattern, is invalid. */
export function patternReader(pattern: string): PatternReader {
  const parts = patternParts(pattern);
  const fields: Fields = {
    year: 0,
    month: 0,
    day: 0,
    hour: 0,
    minute: 0,
    second: 0,
    fraction: 0,
    halfDay: 0,
    offset: 0,
  };
  return (source, start, end, into) => {
    Object.assign(fields, { second: 0, fraction: 0, halfDay: Number.NaN, offset: 0 });
    let at = start;
    for (const part of parts) {
      at = readPart(part, source.subarray(0, end), at, fields);
      if (at < 0) return 'invalid';
    }
    return at === end ? timeOf(fields, into) : 'invalid';
  };
}

/** Returns where reading goes on; -1 when the text does not match. */
function readPart(part: PatternPart, source: Buffer, at: number, fields: Fields): number {
  if (part.kind === 'text') {
    const length = Buffer.byteLength(part.text);
    return source.toString('utf8', at, at + length) === part.text ? at + length : -1;
  }
  if (part.kind === 'half-day') {
    const half = ['AM', 'PM'].indexOf(source.toString('latin1', at, at + 2).toUpperCase());
    fields.halfDay = half * 12;
    return half < 0 ? -1 : at + 2;
  }
  if (part.kind === 'offset') {
    const found = /^(?:Z|[+-]\d{2}(?::?\d{2})?)/i.exec(source.toString('latin1', at, at + 6))?.[0] ?? '';
    fields.offset = offsetSeconds(found);
    return Number.isNaN(fields.offset) ? -1 : at + found.length;
  }
  return readDigits(part, source, at, fields);
}

function readDigits(
  { field, least, most }: Extract<PatternPart, { kind: 'digits' }>,
  source: Buffer,
  start: number,
  fields: Fields,
): number {
  let at = start;
  let value = 0;
  while (at < source.length && at - start < most) {
    const digit = source[at]! - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
    at++;
  }
  if (at - start < least) return -1;
  if (field === 'fraction') value *= 10 ** (6 - (at - start));
  fields[field] = field === 'year' && most === 2 ? 2000 + value : value;
  return at;
}

function timeOf({ year, month, day, hour, minute, second, fraction, halfDay, offset }: Fields, into: LocalTime) {
  const twelve = !Number.isNaN(halfDay);
  if (minute > 59 || second > 59 || hour > 23 || (twelve && (hour < 1 || hour > 12))) return 'invalid';
  const hours = twelve ? (hour % 12) + halfDay : hour;
  const kind = atDate(year, month, day, hours * 3600 + minute * 60 + second, into);
  into.seconds -= offset;
  into.micros = fraction;
  return kind;
}
