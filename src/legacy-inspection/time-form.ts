import { type PatternPart, patternParts } from '../settings/time-pattern.ts';

/** What times in a sample are: `plain` for what MySQL itself writes, else a format of a column mapping. */
export interface TimeForm {
  format: string;
  /** Others that all values fit as well; a person has to tell. */
  others: string[];
}

const PLAIN = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$/;
const OFFSET = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|[+-]\d\d:?\d\d)$/;
const NUMBER = /^\d+(\.\d+)?$/;
/** 2001 to 2033 in seconds, and in milliseconds: the two do not overlap. */
const [OLDEST, NEWEST] = [1e9, 2e9];

const DAYS = [
  'YYYY-MM-DD',
  'DD.MM.YYYY',
  'DD/MM/YYYY',
  'MM/DD/YYYY',
  'DD-MM-YYYY',
  'YYYY/MM/DD',
  'YYYY.MM.DD',
  'DD.MM.YY',
];
const SHORT_DAYS = ['D.M.YYYY', 'D/M/YYYY', 'M/D/YYYY'];
const CLOCKS = ['HH:mm:ss', 'HH:mm', 'HH:mm:ss.SSSSSS', 'H:mm:ss', 'H:mm', 'hh:mm:ss A', 'h:mm:ss A', 'h:mm A'];
const PATTERNS = [
  ...[...DAYS, ...SHORT_DAYS].flatMap((day) =>
    [' ', 'T'].flatMap((gap) => CLOCKS.map((clock) => `${day}${gap}${clock}`)),
  ),
  'YYYYMMDDHHmmss',
  'DDMMYYHHmmss',
  'YYMMDDHHmmss',
];

/** The form of these values, none of them empty; null when there is none that fits all but a few. */
export function timeForm(values: readonly string[]): TimeForm | null {
  const texts = values.map((value) => value.trim());
  const fits = (test: (text: string) => boolean): boolean => texts.filter(test).length >= 0.95 * texts.length;
  if (texts.length === 0) return null;
  if (fits((text) => PLAIN.test(text))) return { format: 'plain', others: [] };
  if (fits((text) => OFFSET.test(text))) return { format: 'iso-8601', others: [] };
  const within = (least: number) => (text: string) =>
    NUMBER.test(text) && Number(text) > OLDEST * least && Number(text) < NEWEST * least;
  if (fits(within(1))) return { format: 'unix-seconds', others: [] };
  if (fits(within(1000))) return { format: 'unix-milliseconds', others: [] };
  const [format, ...others] = PATTERNS.filter((pattern) => fits(readerOf(pattern).matches));
  if (format === undefined) return null;
  // Patterns that read the same times count as one. They read different times only when day and month are exchanged.
  const readings = new Set([reading(texts, format)]);
  const differing = others.filter((other) => {
    const before = readings.size;
    return readings.add(reading(texts, other)).size > before;
  });
  return { format, others: differing };
}

const reading = (texts: readonly string[], format: string): string =>
  texts.map((text) => secondsOf(text, format)).join();

/** Seconds since 1970, with local times taken for UTC: good enough for what lies between two fixes. NaN where the value does not fit. */
export function secondsOf(text: string, format: string): number {
  const value = text.trim();
  if (format === 'unix-seconds') return Number(value);
  if (format === 'unix-milliseconds') return Number(value) / 1000;
  if (format === 'iso-8601') return Date.parse(value.replace(' ', 'T')) / 1000;
  if (format === 'plain') return Date.parse(`${value.replace(' ', 'T')}Z`) / 1000;
  return readerOf(format).seconds(value);
}

interface PatternReader {
  matches(text: string): boolean;
  seconds(text: string): number;
}

const readers = new Map<string, PatternReader>();

function readerOf(pattern: string): PatternReader {
  const known = readers.get(pattern);
  if (known !== undefined) return known;
  const parts = patternParts(pattern);
  const shape = new RegExp(`^${parts.map(shapeOf).join('')}$`, 'i');
  const seconds = (text: string): number => {
    const found = shape.exec(text)?.groups;
    if (found === undefined) return Number.NaN;
    const field = (name: string): number => Number(found[name] ?? 0);
    const [month, day] = [field('month'), field('day')];
    const half = found.half?.toUpperCase();
    const hour = half === undefined ? field('hour') : (field('hour') % 12) + (half === 'PM' ? 12 : 0);
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || field('minute') > 59) return Number.NaN;
    const year = field('year') < 100 ? 2000 + field('year') : field('year');
    return Date.UTC(year, month - 1, day, hour, field('minute'), field('second')) / 1000;
  };
  const reader = { seconds, matches: (text: string) => !Number.isNaN(seconds(text)) };
  readers.set(pattern, reader);
  return reader;
}

function shapeOf(part: PatternPart): string {
  if (part.kind === 'half-day') return '(?<half>AM|PM)';
  if (part.kind === 'offset') return '(?:Z|[+-]\\d\\d:?\\d\\d)';
  if (part.kind === 'text') return part.text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
  // As the converter reads them: a year of four digits is not one of two.
  const most = part.field === 'year' ? part.least : part.most;
  return `(?<${part.field}>\\d{${part.least},${most}})`;
}
