import { createZoneClock } from '../../legacy-sync/dump/zone-clock.ts';

/** Returns milliseconds since 1970. `jsonDate` says what a date of V2 without an offset is. */
export type ReadTime = (value: unknown, jsonDate?: JsonDateKind) => number | 'empty' | 'invalid';

/** `clock`: the source's wall clock, as if it were UTC. `instant`: UTC. */
export type JsonDateKind = 'clock' | 'instant';

const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,12}))?)?(Z|[+-]\d{2}:\d{2})?$/i;
/** The date format of V2. With an offset it is an instant, and the offset only says how it was shown. */
const JSON_DATE = /^\/Date\((-?\d{1,15})([+-]\d{1,4})?\)\/$/;

/** Whether only the property's type says what this time is. */
export const isBareJsonDate = (value: unknown): boolean =>
  typeof value === 'string' &&
  value.startsWith('/') &&
  JSON_DATE.exec(value)?.[2] === undefined &&
  JSON_DATE.test(value);
/** 0001-01-01, the empty date of 1C and .NET. */
const EMPTY_DATE_MS = -62_135_596_800_000;
const DURATION = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Reads a source's times. A time without an offset is a clock time of `timeZone`, unless it is a date of V2 and an instant. */
export function createTimeReader(timeZone: string): ReadTime {
  const clock = createZoneClock(timeZone);
  // A time that the clocks skipped is read with the offset before the gap. Of a time that came twice, the first is taken.
  const fromLocal = (local: number): number => local - clock(Math.floor(local / 1000)).offset * 1000;
  return (value, jsonDate = 'clock') => {
    if (value === null || value === '') return 'empty';
    if (typeof value !== 'string') return 'invalid';
    const date = value.startsWith('/') ? JSON_DATE.exec(value) : null;
    if (date) {
      const ms = Number(date[1]);
      if (ms === EMPTY_DATE_MS) return 'empty';
      return date[2] === undefined && jsonDate === 'clock' ? fromLocal(ms) : ms;
    }
    const utc = plainUtcTime(value);
    if (!Number.isNaN(utc)) return utc;
    const match = DATE_TIME.exec(value);
    if (!match) return 'invalid';
    const [, year, month, day, hour, minute, second = '00', fraction = '', offset] = match;
    // This is 1C's empty date.
    if (year === '0001') return 'empty';
    const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}`;
    const local = Date.parse(`${iso}Z`);
    // Date.parse reads 30 February as 2 March.
    if (Number.isNaN(local) || new Date(local).getUTCDate() !== Number(day)) return 'invalid';
    if (offset !== undefined) return local - offsetMs(offset);
    return fromLocal(local);
  };
}

/**
 * Reads the form of most sources, `2026-01-01T00:00:00Z` or with milliseconds, in a third of the time that a pattern and the platform's parser
 * need. NaN: it is in another form, of a day after the 28th, which not each month has, or of a year before 1000.
 */
function plainUtcTime(text: string): number {
  const millis = text.length === 24 && text.charCodeAt(19) === DOT;
  if (!(millis || text.length === 20) || !text.endsWith('Z')) return Number.NaN;
  if (text.charCodeAt(4) !== DASH || text.charCodeAt(7) !== DASH || text.charCodeAt(10) !== LETTER_T) return Number.NaN;
  if (text.charCodeAt(13) !== COLON || text.charCodeAt(16) !== COLON) return Number.NaN;
  const year = 100 * twoDigits(text, 0) + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  const ms = millis ? 10 * twoDigits(text, 20) + (twoDigits(text, 21) % 10) : 0;
  const isDay = year >= 1000 && month >= 1 && month <= 12 && day >= 1 && day <= 28;
  const isClock = (hour < 24 && minute < 60 && second < 60) || (hour === 24 && minute + second + ms === 0);
  if (!(isDay && isClock)) return Number.NaN;
  return Date.UTC(year, month - 1, day, hour, minute, second, ms);
}

const DASH = 45;
const DOT = 46;
const ZERO = 48;
const COLON = 58;
const LETTER_T = 84;

/** NaN when one of the two characters is no digit. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO;
  const ones = text.charCodeAt(at + 1) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? 10 * tens + ones : Number.NaN;
}

/** Reads a number, a number written as a text (Int64, Decimal), or a duration such as PT1H30M as minutes. Anything else is null. */
export function parseSourceNumber(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string') return null;
  const text = value.trim();
  if (NUMBER.test(text)) return Number(text);
  const duration = text.length > 1 ? DURATION.exec(text) : null;
  if (!duration) return null;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = duration.slice(1).map((part) => Number(part ?? 0));
  return days * 1440 + hours * 60 + minutes + seconds / 60;
}

function offsetMs(offset: string): number {
  if (offset.toUpperCase() === 'Z') return 0;
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4, 6));
  return (offset.startsWith('-') ? -minutes : minutes) * 60_000;
}
