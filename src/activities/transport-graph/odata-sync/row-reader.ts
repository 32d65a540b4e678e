import type { OdataDialect } from '../../../connections/odata/odata-dialect.ts';
import type { OdataRow } from '../../../connections/odata/odata-page.ts';
import { type ReadTime, parseSourceNumber } from './source-values.ts';

/** Why a row cannot be read: `Latitude is no number`. Never the value itself. */
export class RowProblem extends Error {}

/** Properties of one row, by their names in the source. An absent value, in whichever form, is null. */
export interface RowReader {
  key(names: string | readonly string[]): string;
  text(name: string): string;
  optionalText(name: string | undefined): string | null;
  optionalNumber(name: string | undefined, bounds: Bounds): number | null;
  time(name: string): number;
}

interface Bounds {
  from: number;
  to: number;
  /** Rounded up to a whole number. */
  whole?: true;
}

const EMPTY_REFERENCE = '00000000-0000-0000-0000-000000000000';
/** A key that begins like one of ours would be taken for a virtual entity, and cleared away with them. */
const RESERVED = /^(virtual-|vf:)/;

/** One reader serves all rows of a set: `read` says which row it looks at. */
export function createRowReader(dialect: OdataDialect, readTime: ReadTime): RowReader & { read(row: OdataRow): void } {
  let row: OdataRow = {};

  function valueOf(name: string): unknown {
    const [first = '', inner] = name.split('/');
    if (inner !== undefined) {
      const entity = row[first];
      return typeof entity === 'object' && entity !== null ? (entity as OdataRow)[inner] : null;
    }
    // 1C's property of several types: there may be no value, and something stands in its place.
    return row[`${first}_Type`] === 'StandardODATA.Undefined' ? null : row[first];
  }

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
    // PostgreSQL cannot store NUL; 1C pads texts of fixed length with spaces.
    const text = value.replaceAll('\0', '').normalize('NFC').trim();
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
      if (RESERVED.test(key)) throw new RowProblem(`${String(names)} begins as only keys of virtual entities do`);
      return key;
    },
    optionalNumber(name, { from, to, whole }) {
      const value = name === undefined ? null : (valueOf(name) ?? null);
      if (value === null || value === '') return null;
      const number = parseSourceNumber(value);
      if (number === null) throw new RowProblem(`${name} is no number`);
      // 1C has no empty number: what was never entered is 0.
      if (number === 0 && dialect === '1c') return null;
      if (number < from || number > to) throw new RowProblem(`${name} is not from ${from} to ${to}`);
      return whole ? Math.ceil(number) : number;
    },
    time(name) {
      const value = valueOf(name) ?? null;
      const time = readTime(value);
      if (time === 'empty') throw new RowProblem(value === null ? `there is no ${name}` : `${name} is empty`);
      if (time === 'invalid') throw new RowProblem(`${name} is no date and time`);
      return time;
    },
  };
}
