import { Temporal } from '@js-temporal/polyfill';

/** From `fromSeconds` (UTC) on, a zone's clocks are ahead of UTC by this. */
export interface ZoneOffset {
  fromSeconds: number;
  offsetSeconds: number;
}

const FIRST_YEAR = 1990;
const YEARS_AHEAD = 2;

/** The offsets of a zone since 1990, the latest first. Before that the earliest of them counts. */
export function zoneOffsets(timeZone: string, now: number): ZoneOffset[] {
  const end = Date.UTC(new Date(now).getUTCFullYear() + YEARS_AHEAD);
  let at = Temporal.Instant.fromEpochMilliseconds(Date.UTC(FIRST_YEAR)).toZonedDateTimeISO(timeZone);
  const offsets: ZoneOffset[] = [{ fromSeconds: Number.NEGATIVE_INFINITY, offsetSeconds: at.offsetNanoseconds / 1e9 }];
  for (;;) {
    const next = at.getTimeZoneTransition('next');
    if (next === null || next.epochMilliseconds >= end) return offsets.reverse();
    offsets.push({ fromSeconds: next.epochMilliseconds / 1000, offsetSeconds: next.offsetNanoseconds / 1e9 });
    at = next;
  }
}

export const offsetAt = (offsets: readonly ZoneOffset[], seconds: number): number =>
  offsets.find(({ fromSeconds }) => seconds >= fromSeconds)?.offsetSeconds ?? 0;

/** MySQL often has no table of time zones, so the offsets are in the statement. */
export function offsetSql(offsets: readonly ZoneOffset[], seconds: string): string {
  const [first] = offsets;
  const last = offsets.at(-1)!.offsetSeconds;
  if (first === undefined || offsets.length === 1) return String(last);
  const arms = offsets.slice(0, -1).map((each) => `WHEN ${seconds} >= ${each.fromSeconds} THEN ${each.offsetSeconds}`);
  return `CASE ${arms.join(' ')} ELSE ${last} END`;
}
