import { createZoneClock } from '../../legacy-sync/dump/zone-clock.ts';

/** Milliseconds since 1970. */
export type ReadTime = (value: unknown) => number | 'empty' | 'invalid';

const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,12}))?)?(Z|[+-]\d{2}:\d{2})?$/i;
/** V2, and V3 in its verbose form; the offset after the milliseconds is how it was shown, and changes nothing. */
const JSON_DATE = /^\/Date\((-?\d{1,15})(?:[+-]\d{1,4})?\)\/$/;
const DURATION = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Reads a source's times; those without an offset are the clock of `timeZone`. */
export function createTimeReader(timeZone: string): ReadTime {
  const clock = createZoneClock(timeZone);
  return (value) => {
    if (value === null || value === '') return 'empty';
    if (typeof value !== 'string') return 'invalid';
    const date = JSON_DATE.exec(value);
    if (date) return Number(date[1]);
    const match = DATE_TIME.exec(value);
    if (!match) return 'invalid';
    const [, year, month, day, hour, minute, second = '00', fraction = '', offset] = match;
    // 1C's empty date.
    if (year === '0001') return 'empty';
    const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}`;
    const local = Date.parse(`${iso}Z`);
    // Date.parse reads 30 February as 2 March.
    if (Number.isNaN(local) || new Date(local).getUTCDate() !== Number(day)) return 'invalid';
    if (offset !== undefined) return local - offsetMs(offset);
    // A time that the clocks skipped is read with the offset before the gap, one that came twice is the first.
    return local - clock(Math.floor(local / 1000)).offset * 1000;
  };
}

/** A number, a number written as a text (Int64, Decimal), or a duration such as PT1H30M in minutes; else null. */
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
