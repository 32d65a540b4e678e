import type { OdataDialect } from '../../../connections/odata/odata-dialect.ts';
import type { OdataRow } from '../../../connections/odata/odata-page.ts';
import { type JsonDateKind, type ReadTime, parseSourceNumber } from './source-values.ts';

/** Why a row cannot be read, such as `Latitude is no number`. The message never holds the value itself. */
export class RowProblem extends Error {}

/** Reads properties of one row, by their names in the source. An absent value is null, in whichever form the source writes it. */
export interface RowReader {
  key(names: string | readonly string[]): string;
  text(name: string): string;
  optionalText(name: string | undefined): string | null;
  optionalNumber(name: string | undefined, bounds: Bounds): number | null;
  time(name: string, jsonDate?: JsonDateKind): number;
}

interface Bounds {
  from: number;
  to: number;
  /** Round up to a whole number. */
  whole?: true;
}

const EMPTY_REFERENCE = '00000000-0000-0000-0000-000000000000';
/** A source's key with such a prefix would be taken for a virtual entity and deleted with them. */
const RESERVED = /^(virtual-|vf:)/;

/** A text that is already as it is stored, as most keys are. */
const PLAIN = /^[\x21-\x7e]+$/;

/** A property's name in its parts, split once and not in every row. */
interface PropertyPath {
  first: string;
  inner: string | undefined;
  type: string;
}

function createValueReader(): (row: OdataRow, name: string) => unknown {
  const paths = new Map<string, PropertyPath>();
  const pathOf = (name: string): PropertyPath => {
    const known = paths.get(name);
    if (known !== undefined) return known;
    const [first = '', inner] = name.split('/');
    const path = { first, inner, type: `${first}_Type` };
    paths.set(name, path);
    return path;
  };
  return (row, name) => {
    const { first, inner, type } = pathOf(name);
    if (inner !== undefined) {
      const entity = row[first];
      return typeof entity === 'object' && entity !== null ? (entity as OdataRow)[inner] : null;
    }
    // A 1C property may have several types. An absent value then has this type, and a placeholder as its value.
    return row[type] === 'StandardODATA.Undefined' ? null : row[first];
  };
}

/** One reader serves all rows of a set: `read` sets the row that it looks at. */
export function createRowReader(dialect: OdataDialect, readTime: ReadTime): RowReader & { read(row: OdataRow): void } {
  let row: OdataRow = {};

  const readValue = createValueReader();
  const valueOf = (name: string): unknown => readValue(row, name);

  function optionalText(name: string | undefined): string | null {
    const value = name === undefined ? null : (valueOf(name) ?? null);
    if (value === null) return null;
    if (typeof value === 'number') {
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        throw new RowProblem(`${name} is a number too large to be exact; the source must write it as a text`);
      }
      return String(value);
    }
    if (typeof value !== 'string') throw new RowProblem(`${name} is no text`);
    // PostgreSQL cannot store NUL, and 1C pads texts of fixed length with spaces.
    const text = PLAIN.test(value) ? value : value.replaceAll('\0', '').normalize('NFC').trim();
    return text === '' || text === EMPTY_REFERENCE ? null : text;
  }

  function text(name: string): string {
    const value = optionalText(name);
    if (value === null) throw new RowProblem(valueOf(name) === undefined ? `there is no ${name}` : `${name} is empty`);
    return value;
  }

  return {
    read: (next) => (row = next),
    text,
    optionalText,
    key(names) {
      const key = typeof names === 'string' ? text(names) : names.map(text).join('|');
      if (key.startsWith('v') && RESERVED.test(key))
        throw new RowProblem(`${String(names)} begins as only keys of virtual entities do`);
      return key;
    },
    optionalNumber(name, { from, to, whole }) {
      const value = name === undefined ? null : (valueOf(name) ?? null);
      if (value === null || value === '') return null;
      const number = parseSourceNumber(value);
      if (number === null) throw new RowProblem(`${name} is no number`);
      // 1C has no empty number: it gives 0 for a number that nobody entered.
      if (number === 0 && dialect === '1c') return null;
      if (number < from || number > to) throw new RowProblem(`${name} is not from ${from} to ${to}`);
      return whole ? Math.ceil(number) : number;
    },
    time(name, jsonDate) {
      const value = valueOf(name) ?? null;
      const time = readTime(value, jsonDate);
      if (time === 'empty') throw new RowProblem(value === null ? `there is no ${name}` : `${name} is empty`);
      if (time === 'invalid') throw new RowProblem(`${name} is no date and time`);
      return time;
    },
  };
}
