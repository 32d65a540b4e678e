import { createZoneClock } from '../../legacy-sync/dump/zone-clock.ts';

/** Returns milliseconds since 1970. `jsonDate` says what a date of V2 without an offset is. */
export type ReadTime = (value: unknown, jsonDate?: JsonDateKind) => number | 'empty' | 'invalid';

/** `clock`: the source's wall clock, as if it were UTC. `instant`: UTC. */
export type JsonDateKind = 'clock' | 'instant';

const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,12}))?)?(Z|[+-]\d{2}:\d{2})?$/i;
/** The form of most sources, which the platform's own parser reads. */
const UTC_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?Z$/;
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
    const utc = UTC_TIME.test(value) ? Date.parse(value) : Number.NaN;
    // Date.parse reads 30 February as 2 March.
    if (!Number.isNaN(utc) && Number(value.slice(8, 10)) <= 28 && !value.startsWith('0001')) return utc;
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
