import { type LocalTime, type LocalTimeKind, readLocalTime } from './local-time.ts';

const CLOCK_END = 19;
const FRACTION = /^[.,](\d{1,9})/;
const OFFSET = /^(?:Z|([+-])(\d{2})(?::?(\d{2}))?)$/i;

/**
 * Reads `2025-06-01T12:00:00.5+05:30` as UTC: a date and time with its offset, or Z. Without an offset the zone is unknown, so the time is
 * invalid. Digits below a microsecond are cut off.
 */
export function readIsoTime(source: Buffer, start: number, end: number, into: LocalTime): LocalTimeKind {
  if (end - start <= CLOCK_END) return 'invalid';
  const kind = readLocalTime(source, start, start + CLOCK_END, into);
  if (kind !== 'time') return kind;
  let rest = source.toString('latin1', start + CLOCK_END, end);
  const fraction = FRACTION.exec(rest)?.[1];
  if (fraction !== undefined) {
    into.micros = Number(fraction.padEnd(6, '0').slice(0, 6));
    rest = rest.slice(fraction.length + 1);
  }
  const offset = offsetSeconds(rest.trimStart());
  if (Number.isNaN(offset)) return 'invalid';
  into.seconds -= offset;
  return 'time';
}

/** The seconds that an offset is ahead of UTC; NaN for any other text. */
export function offsetSeconds(text: string): number {
  const [whole, sign, hours, minutes = '0'] = OFFSET.exec(text) ?? [];
  if (whole === undefined) return Number.NaN;
  if (hours === undefined) return 0;
  if (Number(hours) > 18 || Number(minutes) > 59) return Number.NaN;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}
