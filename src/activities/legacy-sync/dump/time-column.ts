import type { TimeSource } from '../../../settings/column-mapping.ts';
import { readIsoTime } from './iso-time.ts';
import { type LocalTime, type LocalTimeKind, readLocalTime } from './local-time.ts';
import { type PatternReader, patternReader } from './pattern-time.ts';
import { findText, type TextRange } from './row-text.ts';
import { type RowScan, VALUE } from './row-scanner.ts';
import { readUnixTime } from './unix-time.ts';

/** A time of a row. */
export interface TimeColumn {
  /** The column that a quarantined row names when its time cannot be read; -1 when the mapping names none. */
  index: number;
  /** Whether the time is UTC; else it is a time of the server's zone. */
  utc: boolean;
  read: (row: RowScan, index: number, into: LocalTime) => LocalTimeKind;
}

const MYSQL_TIMES = ['timestamp', 'datetime'];
const TEXTS = ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'];
const NUMBERS = ['int', 'bigint', 'decimal', 'double', 'float', 'mediumint'];

interface TypedColumn {
  column: string;
  types: readonly string[];
  holding: string;
}

/** The columns of a time, and the types that they must have. */
function wanted(source: TimeSource): TypedColumn[] {
  if (typeof source === 'string') {
    return [{ column: source, types: [...MYSQL_TIMES, ...TEXTS], holding: 'a date and a time of day' }];
  }
  if ('date' in source) {
    const dates = source.format === undefined ? ['date', ...TEXTS] : TEXTS;
    const clocks = source.format === undefined ? ['time', ...TEXTS] : TEXTS;
    return [
      { column: source.date, types: dates, holding: 'a date' },
      { column: source.clock, types: clocks, holding: 'a time of day' },
    ];
  }
  const types = source.format.startsWith('unix-') ? [...NUMBERS, ...TEXTS] : TEXTS;
  return [{ column: source.column, types, holding: source.format }];
}

/** Why a time cannot be read from a table whose columns are of these types, or null. */
export function timeTypeProblem(source: TimeSource, typeOf: (column: string) => string): string | null {
  for (const { column, types, holding } of wanted(source)) {
    const type = typeOf(column);
    if (types.includes(type)) continue;
    const alone =
      type === 'date'
        ? ' A date alone says no time of day: map it with the column that does, as {"date", "clock"}.'
        : '';
    const number = NUMBERS.includes(type) ? ' For seconds or milliseconds since 1970 say so by its "format".' : '';
    return `column ${column}, mapped as ${holding}, is of type ${type}.${alone}${number} It can be read from ${types.join(', ')}.`;
  }
  return null;
}

/** Decides once per dump how a time is read. */
export function timeColumn(
  source: TimeSource | undefined,
  indexOf: (column: string) => number,
  typeOf: (column: string) => string,
): TimeColumn {
  if (source === undefined) return { index: -1, utc: true, read: () => 'missing' };
  if (typeof source === 'string') {
    const type = typeOf(source);
    return {
      index: indexOf(source),
      utc: type === 'timestamp',
      read: MYSQL_TIMES.includes(type) ? readPlain : readText,
    };
  }
  if ('date' in source) {
    const { date, clock, format } = source;
    const read = format === undefined ? readLocalTime : patternReader(format);
    return { index: indexOf(date), utc: hasOffset(format), read: joined(read, indexOf(clock)) };
  }
  const { column, format } = source;
  const index = indexOf(column);
  if (format === 'unix-seconds') return { index, utc: true, read: inText((...at) => readUnixTime(...at, 1)) };
  if (format === 'unix-milliseconds') return { index, utc: true, read: inText((...at) => readUnixTime(...at, 1000)) };
  if (format === 'iso-8601') return { index, utc: true, read: inText(readIsoTime) };
  return { index, utc: hasOffset(format), read: inText(patternReader(format)) };
}

const hasOffset = (format: string | undefined): boolean => format?.replaceAll(/\[[^\]]*\]/g, '').includes('Z') ?? false;

function readPlain(row: RowScan, index: number, into: LocalTime): LocalTimeKind {
  const kind = row.kind[index];
  if (kind !== VALUE.TEXT) return kind === VALUE.NULL ? 'missing' : 'invalid';
  return readLocalTime(row.source, row.start[index]!, row.end[index]!, into);
}

const text: TextRange = { start: 0, end: 0 };

const inText =
  (read: PatternReader): TimeColumn['read'] =>
  (row, index, into) => {
    if (row.kind[index] === VALUE.NULL) return 'missing';
    if (!findText(row, index, text)) return 'invalid';
    return text.start === text.end ? 'missing' : read(row.source, text.start, text.end, into);
  };

const DATE_LENGTH = 10;

/** A text with a date alone has no time of day, so it is refused. */
const readText = inText((source, start, end, into) => {
  const kind = readLocalTime(source, start, end, into);
  return kind === 'time' && end - start === DATE_LENGTH ? 'invalid' : kind;
});

const scratch = Buffer.alloc(64);

/** Joins a date and a time of day from two columns to one text with a blank between them. */
function joined(read: PatternReader, clock: number): TimeColumn['read'] {
  return (row, index, into) => {
    if (row.kind[index] === VALUE.NULL || row.kind[clock] === VALUE.NULL) return 'missing';
    if (!findText(row, index, text)) return 'invalid';
    const length = text.end - text.start;
    if (length > 31) return 'invalid';
    row.source.copy(scratch, 0, text.start, text.end);
    scratch[length] = 0x20;
    if (!findText(row, clock, text)) return 'invalid';
    const end = length + 1 + text.end - text.start;
    if (end > scratch.length) return 'invalid';
    if (length === 0 || end === length + 1) return 'missing';
    row.source.copy(scratch, length + 1, text.start, text.end);
    return read(scratch, 0, end, into);
  };
}
