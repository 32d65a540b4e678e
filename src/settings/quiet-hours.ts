import { isTimeZone } from './time-zone.ts';

/** Times of day at which a legacy host is spared, `07:00-09:00 Europe/Belgrade`; several after a comma. Without a zone: the server's own. */
interface QuietSpan {
  /** Minutes since midnight. A span that ends before it begins goes over midnight. */
  from: number;
  to: number;
  zone: string | null;
}

const SPAN = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?: (\S+))?$/;

/** null: the text does not say what it should. Nothing is quiet for an empty text. */
function readQuietHours(text: string): QuietSpan[] | null {
  const spans = text.split(',').map((part) => part.trim());
  if (text.trim() === '') return [];
  const read = spans.map((span) => {
    const found = SPAN.exec(span);
    if (found === null || (found[5] !== undefined && !isTimeZone(found[5]))) return null;
    const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = found.slice(1, 5).map(Number);
    return { from: fromHour * 60 + fromMinute, to: toHour * 60 + toMinute, zone: found[5] ?? null };
  });
  return read.includes(null) ? null : (read as QuietSpan[]);
}

export const isQuietHours = (text: string): boolean => readQuietHours(text) !== null;

/** Whether `at` is within the quiet hours of a server whose own time zone is `serverZone`. */
export function isQuiet(text: string, serverZone: string, at: Date): boolean {
  return (readQuietHours(text) ?? []).some(({ from, to, zone }) => {
    const now = minuteOfDay(zone ?? serverZone, at);
    return from <= to ? now >= from && now < to : now >= from || now < to;
  });
}

const MINUTE_MS = 60_000;
const MINUTES_OF_A_DAY = 1_440;

/** When quiet hours begin within a day from `at`; null: they do not, or it is in them. Minute by minute, because clocks change. */
export function quietBegins(text: string, serverZone: string, at: Date): Date | null {
  if (text.trim() === '' || isQuiet(text, serverZone, at)) return null;
  const minute = Math.floor(at.getTime() / MINUTE_MS);
  for (let ahead = 1; ahead <= MINUTES_OF_A_DAY; ahead += 1) {
    const then = new Date((minute + ahead) * MINUTE_MS);
    if (isQuiet(text, serverZone, then)) return then;
  }
  return null;
}

function minuteOfDay(zone: string, at: Date): number {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  return Number(parts.get('hour')) * 60 + Number(parts.get('minute'));
}

/** Formatters are kept: a claim asks for one each time, and making one takes 2 ms. */
const FORMATS = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = FORMATS.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  FORMATS.set(zone, made);
  return made;
}
