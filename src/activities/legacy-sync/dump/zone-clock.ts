import { Temporal } from '@js-temporal/polyfill';
import { Failure } from '../../../errors.ts';

/** What a local time means in a zone. One object is reused for every value. */
export interface ZoneReading {
  /** `gap`: the clocks skipped it; `fold`: it happened twice. */
  kind: 'plain' | 'gap' | 'fold';
  /** The seconds to subtract from the local time; for a gap and a fold by the offset before the change. */
  offset: number;
  /** The same by the offset after the change. */
  offsetAfter: number;
}

export type ZoneClock = (localSeconds: number) => ZoneReading;

interface Change {
  at: number;
  before: number;
  after: number;
}

/** The changes by zone and year, kept because looking up a zone's rules takes milliseconds, which matter for a small delta. */
const KNOWN = new Map<string, Map<number, { first: number; changes: Change[] }>>();

/**
 * Reads local times of an IANA zone. It looks up the zone's rules once per year that occurs; between two changes it only compares numbers.
 * @throws Failure InvalidConfiguration for an unknown zone
 */
export function createZoneClock(timeZone: string): ZoneClock {
  const years = KNOWN.get(timeZone) ?? knowZone(timeZone);
  const reading: ZoneReading = { kind: 'plain', offset: 0, offsetAfter: 0 };
  let plainFrom = 1;
  let plainTo = 0;

  function look(localSeconds: number): ZoneReading {
    const year = new Date(localSeconds * 1000).getUTCFullYear();
    let known = years.get(year);
    if (known === undefined) years.set(year, (known = changesAround(timeZone, year)));
    reading.kind = 'plain';
    reading.offset = known.first;
    plainFrom = Date.UTC(year) / 1000;
    plainTo = Date.UTC(year + 1) / 1000;
    for (const { at, before, after } of known.changes) {
      const from = at + Math.min(before, after);
      const to = at + Math.max(before, after);
      if (localSeconds < from) {
        plainTo = Math.min(plainTo, from);
        break;
      }
      if (localSeconds < to) return changing(after > before ? 'gap' : 'fold', before, after);
      reading.offset = after;
      plainFrom = Math.max(plainFrom, to);
    }
    return reading;
  }

  function changing(kind: 'gap' | 'fold', before: number, after: number): ZoneReading {
    plainTo = plainFrom;
    reading.kind = kind;
    reading.offset = before;
    reading.offsetAfter = after;
    return reading;
  }

  return (localSeconds) => {
    if (localSeconds < plainFrom || localSeconds >= plainTo) return look(localSeconds);
    return reading;
  };
}

function knowZone(timeZone: string): Map<number, { first: number; changes: Change[] }> {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(timeZone);
  } catch (cause) {
    throw new Failure(
      'InvalidConfiguration',
      `Cannot read local times of the zone "${timeZone}": it is no IANA time zone. Correct time_zone of the legacy server.`,
      { cause },
    );
  }
  const years = new Map<number, { first: number; changes: Change[] }>();
  KNOWN.set(timeZone, years);
  return years;
}

/** The changes of the offset that can affect a local time of this year. Two days on either side cover every offset. */
function changesAround(timeZone: string, year: number): { first: number; changes: Change[] } {
  const end = Date.UTC(year + 1) + 2 * 86_400_000;
  let at = Temporal.Instant.fromEpochMilliseconds(Date.UTC(year) - 2 * 86_400_000).toZonedDateTimeISO(timeZone);
  const first = seconds(at);
  const changes: Change[] = [];
  let before = first;
  for (;;) {
    const next = at.getTimeZoneTransition('next');
    if (next === null || next.epochMilliseconds >= end) return { first, changes };
    const after = seconds(next);
    if (after !== before) changes.push({ at: next.epochMilliseconds / 1000, before, after });
    before = after;
    at = next;
  }
}

const seconds = (at: Temporal.ZonedDateTime): number => at.offsetNanoseconds / 1e9;
