import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import { name } from '../../../settings/mysql-identifier.ts';
import { id, ofVehicle, scopeOf, type Statement } from '../legacy-host/plan-statements.ts';
import { rowKey } from '../legacy-host/row-key.ts';
import { ROW_SESSION } from '../legacy-host/select-rows.ts';
import type { Day } from './buckets.ts';
import type { SourceSql } from './compared-row.ts';
import { QUICK_SESSION } from './quick-row.ts';

/** Ids of a vehicle: above one, up to another. */
export interface IdRange {
  above: string;
  upTo: string;
}

/** Ids of a table, from `above` on in steps. */
interface Walk extends IdRange {
  server: LegacyServer;
  row: SourceSql;
  days: DaySpan | null;
  /** Rows that one statement reads, at most. */
  stepRows: number;
  steps: number;
}

export interface AskedRange extends Walk {
  vehicle: Vehicle;
}

/** Ids of a table that vehicles share; `own`: the last id of each, where it is not the same. */
export interface SharedRange extends Walk {
  table: string;
  /** SQL of the column that tells vehicles apart. */
  column: string;
  /** Literals of their legacy ids. */
  keys: readonly { literal: string; upTo: string }[];
  own: boolean;
}

/** First and last. */
export interface DaySpan {
  from: number;
  to: number;
}

export const SESSION: Statement = { sql: `${ROW_SESSION}; ${QUICK_SESSION};`, about: {} };

/** Counts and sums by day, step by step along the index of the vehicle's ids; '#at' says how far it came. */
export const bucketStatements = (asked: AskedRange): Statement[] => {
  const key = rowKey(asked.server.columns).sql;
  const { day, sum } = asked.row;
  const select = `SELECT '#b', ${id(asked.vehicle.id)}, ${day} AS day, COUNT(*), MIN(${key}), MAX(${key}), ${sum}`;
  return steps(ofOne(asked), select, { grouped: 'GROUP BY day', condition: within(day, asked.days) });
};

/** The same of vehicles that share a table, by their legacy ids, along the index of the table's ids. */
export const sharedStatements = (asked: SharedRange): Statement[] => {
  const key = rowKey(asked.server.columns).sql;
  const { day, sum } = asked.row;
  const vehicles = asked.own
    ? asked.keys.map(({ literal, upTo }) => `(${asked.column} = ${literal} AND ${key} <= ${id(upTo)})`).join(' OR ')
    : `${asked.column} IN (${asked.keys.map(({ literal }) => literal).join(', ')})`;
  const select = `SELECT '#b', ${asked.column} AS vehicle, ${day} AS day, COUNT(*), MIN(${key}), MAX(${key}), ${sum}`;
  const walk = { ...asked, own: scopeOf(asked.server), about: { table: asked.table }, name: SHARED };
  return steps(walk, select, {
    grouped: 'GROUP BY vehicle, day',
    condition: `${within(day, asked.days)} AND (${vehicles})`,
  });
};

/** Ids of a block. Where `first`, those below as well. */
export interface BlockStep {
  block: number;
  above: bigint;
  upTo: bigint;
  first: boolean;
}

/** One count and one sum of the rows of all vehicles of a table, of each of these steps. */
export const blockStatements = (
  asked: Omit<SharedRange, keyof IdRange | 'own' | 'steps'>,
  steps: readonly BlockStep[],
) =>
  steps.map(({ block, above, upTo, first }): Statement => {
    const { server, row, days, table, column, keys } = asked;
    const key = rowKey(server.columns).sql;
    const conditions = [
      `${scopeOf(server)}${key} > ${first ? LOWEST : id(String(above))} AND ${key} <= ${id(String(upTo))}`,
      `${row.kept}${within(row.day, days)}`,
      `${column} IN (${keys.map(({ literal }) => literal).join(', ')})`,
    ];
    const sql = `SELECT '#s', ${block}, COUNT(*), IFNULL(${row.sum}, 0) FROM ${name(table)} WHERE ${conditions.join(' AND ')};`;
    return { sql, about: { table } };
  });

/** What "#at" says in the place of a vehicle. */
export const SHARED = '0';

interface NamedWalk extends Walk {
  table: string;
  /** Conditions on the rows besides. */
  own: string;
  name: string;
  about: Statement['about'];
}

const ofOne = (asked: AskedRange): NamedWalk => ({
  ...asked,
  table: asked.vehicle.table,
  own: ofVehicle(asked.server, asked.vehicle),
  name: asked.vehicle.id,
  about: { vehicleId: asked.vehicle.id, table: asked.vehicle.table },
});

/** The rows of some days, by id and hash. */
export const rowStatements = (asked: AskedRange, days: readonly Day[]): Statement[] => {
  const { day, hash } = asked.row;
  return steps(ofOne(asked), `SELECT '#r', ${rowKey(asked.server.columns).sql} + 0, ${day}, ${hash}`, {
    grouped: '',
    condition: ` AND ${ofDays(day, days)}`,
  });
};

/** A step reads no more rows than it is told, because MySQL first finds the id where it ends: a walk along the index alone. */
function steps(asked: NamedWalk, select: string, how: { grouped: string; condition: string }): Statement[] {
  const { server, row, above, upTo, stepRows, own, about } = asked;
  const [key, table] = [rowKey(server.columns).sql, name(asked.table)];
  const found = `SELECT ${key} FROM ${table} WHERE ${own}${key} > @above AND ${key} <= ${id(upTo)} ORDER BY ${key} LIMIT ${stepRows - 1}, 1`;
  const step = [
    `SET @above = @last`,
    `SET @last = COALESCE((${found}), ${id(upTo)})`,
    `${select} FROM ${table} WHERE ${own}${key} > @above AND ${key} <= @last AND ${row.kept}${how.condition} ${how.grouped}`,
    `SELECT '#at', ${id(asked.name)}, @last`,
  ].join('; ');
  return [
    { sql: `SET @last = ${above === '0' ? LOWEST : id(above)};`, about },
    ...Array.from({ length: asked.steps }, () => ({ sql: `${step};`, about })),
  ];
}

/** Above 0 are all rows: some have ids below. */
const LOWEST = '-9223372036854775808';

const within = (day: string, days: DaySpan | null): string =>
  days === null ? '' : ` AND ${day} BETWEEN ${whole(days.from)} AND ${whole(days.to)}`;

function ofDays(day: string, days: readonly Day[]): string {
  const dated = days.filter((each) => each !== null).map(whole);
  const listed = dated.length > 0 ? [`${day} IN (${dated.join(', ')})`] : [];
  return `(${[...listed, ...(days.includes(null) ? [`${day} IS NULL`] : [])].join(' OR ')})`;
}

function whole(value: number): string {
  if (!Number.isInteger(value)) throw new TypeError(`Not a day: ${value}`);
  return String(value);
}
