import type { ColumnMapping, TimeKey } from '../../../settings/column-mapping.ts';
import { IDS_PER_SECOND } from '../../../settings/overlap.ts';
import { name } from '../../../settings/mysql-identifier.ts';

/** How the rows of a table are followed: by an integer column, or by an id that is made of a time and what tells its rows apart. */
export interface RowKey {
  /** SQL of a row's id. */
  sql: string;
  /** The column that an index has to lead to. */
  column: string;
  /** Conditions that an index serves. Ids are decimal. Above 0, or from 1 on, means all rows, those with ids of 0 and below included. */
  above(id: string): string;
  from(id: string): string;
  /** The last id, as a number or as the name of a variable, and one that it is not above. */
  upTo(last: string, atMost: string): string;
  /** What a row has to meet besides, to be counted as one that is there. */
  until: string;
  /** The highest id of rows that meet a condition; empty: of all. */
  highest(table: string, condition: string): string;
}

export const rowKey = ({ id }: Pick<ColumnMapping, 'id'>): RowKey =>
  typeof id === 'string' ? integerKey(id) : timeKey(id);

function integerKey(column: string): RowKey {
  const sql = name(column);
  return {
    sql,
    column,
    above: (id) => (id === '0' ? 'TRUE' : `${sql} > ${decimal(id)}`),
    from: (id) => (id === '1' ? 'TRUE' : `${sql} >= ${decimal(id)}`),
    upTo: (last) => `${sql} <= ${last}`,
    until: 'TRUE',
    highest: (table, condition) => `SELECT MAX(${sql}) FROM ${table}${condition === '' ? '' : ` WHERE ${condition}`}`,
  };
}

/** Bits of an id below the seconds. Of the few rows that a vehicle has in one second, two share a digest once in a thousand million. */
const DIGEST_BITS = BigInt(Math.log2(IDS_PER_SECOND));
const ONE_SECOND = String(IDS_PER_SECOND);
/** A tracker whose clock is ahead must not take the watermark with it. No zone is further ahead of UTC. */
const NOW = { datetime: 'UTC_TIMESTAMP() + INTERVAL 14 HOUR', 'unix-seconds': 'UNIX_TIMESTAMP() + 3600' };

function timeKey({ time, format, columns }: TimeKey): RowKey {
  const moment = name(time);
  const seconds =
    format === 'unix-seconds' ? moment : `TIMESTAMPDIFF(SECOND, TIMESTAMP'1970-01-01 00:00:00', ${moment})`;
  const told = columns.map((column) => `IFNULL(CONVERT(${name(column)} USING utf8mb4), '')`).join(', ');
  const digest = `(CONV(LEFT(MD5(CONCAT_WS('|', ${told})), 8), 16, 10) & ${IDS_PER_SECOND - 1})`;
  const sql = `(${seconds} * ${ONE_SECOND} + ${digest})`;
  const literal = (id: string): string => {
    const second = String(BigInt(decimal(id)) >> DIGEST_BITS);
    return format === 'unix-seconds' ? second : `TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ${second} SECOND`;
  };
  return {
    sql,
    column: time,
    above: (id) => `${moment} >= ${literal(id)} AND ${sql} > ${decimal(id)}`,
    from: (id) => `${moment} >= ${literal(id)} AND ${sql} >= ${decimal(id)}`,
    // A fraction of the last second is above its literal.
    upTo: (last, atMost) => `${moment} < ${literal(String(BigInt(atMost) + BigInt(ONE_SECOND)))} AND ${sql} <= ${last}`,
    until: `${moment} <= ${NOW[format]}`,
    highest: (table, condition) => {
      const own = condition === '' ? '' : `${condition} AND `;
      const latest = `SELECT MAX(${moment}) FROM ${table} WHERE ${own}${moment} <= ${NOW[format]}`;
      return `SELECT MAX(${sql}) FROM ${table} WHERE ${own}${moment} = (${latest})`;
    },
  };
}

function decimal(value: string): string {
  if (!/^\d{1,20}$/.test(value)) throw new TypeError(`Not a legacy row id: ${value}`);
  return value;
}
