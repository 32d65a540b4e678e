import type { CoordinateSource } from '../../../settings/column-mapping.ts';
import { hexBytes } from './hex-value.ts';
import { unescapeText } from './json-text.ts';
import { type NumberColumn, numberColumn, parseWithComma, readPlain, readWithComma, scaled } from './number-column.ts';
import { parseDouble } from './number-value.ts';
import { findText, isEmpty, type TextRange } from './row-text.ts';
import { type RowScan, VALUE } from './row-scanner.ts';

export interface CoordinateColumn extends NumberColumn {
  /** The column with N or S, E or W; -1 when there is none. */
  hemisphere: number;
}

/** The letter that leaves a number as it is, and the one that changes its sign. */
export type Hemispheres = { plus: 'N' | 'E'; minus: 'S' | 'W' };

/** Decides once per dump how a coordinate is read. `indexOf` finds a column of the mapping in the dump. */
export function coordinateColumn(
  source: CoordinateSource,
  hemispheres: Hemispheres,
  indexOf: (column: string) => number,
): CoordinateColumn {
  if (typeof source === 'string') return { ...numberColumn(source, indexOf(source)), hemisphere: -1 };
  const index = indexOf(source.column);
  const { format, hemisphere } = source;
  if (format === 'point-x' || format === 'point-y') {
    return { index, read: pointHalf(format === 'point-x' ? POINT.X : POINT.Y), hemisphere: -1 };
  }
  if (hemisphere !== undefined) {
    const number = source.decimalComma ? readWithComma : readPlain;
    const read = format === 'nmea' ? ofNmea(number) : scaled(number, source.factor);
    const side = indexOf(hemisphere);
    return { index, read: signedBy(read, side, hemispheres), hemisphere: side };
  }
  const lettered = signedByLetter(source.decimalComma ? parseWithComma : parseDouble, hemispheres);
  return { index, read: format === 'nmea' ? ofNmea(lettered) : scaled(lettered, source.factor), hemisphere: -1 };
}

const GEOMETRIES = ['point', 'geometry'];

/** Why a coordinate cannot be read from a column of this type, or null. */
export function coordinateTypeProblem(source: CoordinateSource, typeOf: (column: string) => string): string | null {
  const column = typeof source === 'string' ? source : source.column;
  const type = typeOf(column);
  const asPoint = typeof source !== 'string' && source.format.startsWith('point');
  if (asPoint === GEOMETRIES.includes(type)) return null;
  return asPoint
    ? `column ${column}, mapped as half of a POINT, is of type ${type}.`
    : `column ${column}, mapped as a coordinate, is of type ${type}: say which half of it is meant by "format", point-y (latitude, as a rule) or point-x.`;
}

type Read = NumberColumn['read'];

/** Reads NMEA: 6202.034 is 62 degrees and 2.034 minutes. With 60 minutes or more the column cannot be NMEA. */
const ofNmea =
  (read: Read): Read =>
  (row, index) => {
    const value = read(row, index);
    const size = Math.abs(value);
    const degrees = Math.floor(size / 100);
    const minutes = size - degrees * 100;
    if (!(minutes < 60)) return Number.NaN;
    // Rounds to whole 1e-9 minutes before the division, because a double cannot represent 2.034.
    const result = Math.round((degrees * 60 + minutes) * 1e9) / 60e9;
    return value < 0 ? -result : result;
  };

const text: TextRange = { start: 0, end: 0 };
const LOWER_CASE = 0x20;

function signedBy(read: Read, side: number, { plus, minus }: Hemispheres): Read {
  const [positive, negative] = [plus.charCodeAt(0), minus.charCodeAt(0)];
  return (row, index) => {
    if (!findText(row, side, text) || text.end - text.start !== 1) return Number.NaN;
    const letter = row.source[text.start]! & ~LOWER_CASE;
    const value = read(row, index);
    // A sign and a letter contradict each other.
    if (value < 0) return Number.NaN;
    return letter === positive ? value : letter === negative ? -value : Number.NaN;
  };
}

/** Reads `6202.034N`, `N 6202.034` and `6202.034,N`. A number without a letter keeps its own sign. */
function signedByLetter(parse: typeof parseDouble, { plus, minus }: Hemispheres): Read {
  const [positive, negative] = [plus.charCodeAt(0), minus.charCodeAt(0)];
  return (row, index) => {
    if (!findText(row, index, text)) return Number.NaN;
    const { source } = row;
    let { start, end } = text;
    const [first, last] = [source[start]! & ~LOWER_CASE, source[end - 1]! & ~LOWER_CASE];
    const leading = first === positive || first === negative;
    const trailing = last === positive || last === negative;
    if (leading === trailing) return leading ? Number.NaN : parse(source, start, end);
    if (leading) for (start++; start < end && isSeparator(source[start]!); ) start++;
    else for (end--; end > start && isSeparator(source[end - 1]!); ) end--;
    const value = parse(source, start, end);
    if (value < 0) return Number.NaN;
    return (leading ? first : last) === negative ? -value : value;
  };
}

const isSeparator = (byte: number): boolean => byte === 0x20 || byte === 0x2c;

const POINT = { X: 9, Y: 17 } as const;
const POINT_SIZE = 25;

/** Reads x or y of a POINT. MySQL stores four bytes of SRID, byte order, type 1, x, y. */
const pointHalf =
  (at: number): Read =>
  (row, index) => {
    const kind = row.kind[index];
    const [start, end] = [row.start[index]!, row.end[index]!];
    if (kind === VALUE.NULL || kind === VALUE.BARE) return Number.NaN;
    const bytes = kind === VALUE.HEX ? hexBytes(row.source, start, end) : unescapeText(row.source, start, end);
    if (bytes === null || bytes.length !== POINT_SIZE) return Number.NaN;
    if (bytes[4] === 1) return bytes.readUInt32LE(5) === 1 ? bytes.readDoubleLE(at) : Number.NaN;
    return bytes[4] === 0 && bytes.readUInt32BE(5) === 1 ? bytes.readDoubleBE(at) : Number.NaN;
  };

/** The column that shows why a coordinate cannot be read. */
export function blamed(row: RowScan, { index, hemisphere }: CoordinateColumn): number {
  if (hemisphere < 0 || isEmpty(row, index)) return index;
  return findText(row, hemisphere, text) && /^[NSEW]$/i.test(row.source.toString('latin1', text.start, text.end))
    ? index
    : hemisphere;
}
