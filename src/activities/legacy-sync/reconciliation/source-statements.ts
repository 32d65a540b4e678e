import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import { name } from '../legacy-host/mysql-name.ts';
import { id, ofVehicle, type Statement } from '../legacy-host/plan-statements.ts';
import { rowKey } from '../legacy-host/row-key.ts';
import { ROW_SESSION } from '../legacy-host/select-rows.ts';
import type { Day } from './buckets.ts';
import type { SourceSql } from './compared-row.ts';

/** Ids of a vehicle: above one, up to another. */
export interface IdRange {
  above: string;
  upTo: string;
}

export interface AskedRange extends IdRange {
  server: LegacyServer;
  vehicle: Vehicle;
  row: SourceSql;
  days: DaySpan | null;
  /** Rows that one statement reads, at most. */
  stepRows: number;
  steps: number;
}

/** First and last. */
export interface DaySpan {
  from: number;
  to: number;
}

export const SESSION: Statement = { sql: `${ROW_SESSION};`, about: {} };

/** Counts and sums by day, step by step along the index of the vehicle's ids; '#at' says how far it came. */
export const bucketStatements = (asked: AskedRange): Statement[] => {
  const key = rowKey(asked.server.columns).sql;
  const { day, sum } = asked.row;
  return steps(
    asked,
    `SELECT '#b', ${id(asked.vehicle.id)}, ${day} AS day, COUNT(*), ${sum}, MIN(${key}), MAX(${key})`,
    { grouped: 'GROUP BY day', condition: within(day, asked.days) },
  );
};

/** The rows of some days, by id and hash. */
export const rowStatements = (asked: AskedRange, days: readonly Day[]): Statement[] => {
  const { day, hash } = asked.row;
  return steps(asked, `SELECT '#r', ${rowKey(asked.server.columns).sql} + 0, ${day}, ${hash}`, {
    grouped: '',
    condition: ` AND ${ofDays(day, days)}`,
  });
};

/** A step reads no more rows than it is told, because MySQL first finds the id where it ends: a walk along the index alone. */
function steps(asked: AskedRange, select: string, how: { grouped: string; condition: string }): Statement[] {
  const { server, vehicle, row, above, upTo, stepRows } = asked;
  const [key, table, own] = [rowKey(server.columns).sql, name(vehicle.table), ofVehicle(server, vehicle)];
  const about = { vehicleId: vehicle.id, table: vehicle.table };
  const found = `SELECT ${key} FROM ${table} WHERE ${own}${key} > @above AND ${key} <= ${id(upTo)} ORDER BY ${key} LIMIT ${stepRows - 1}, 1`;
  const step = [
    `SET @above = @last`,
    `SET @last = COALESCE((${found}), ${id(upTo)})`,
    `${select} FROM ${table} WHERE ${own}${key} > @above AND ${key} <= @last AND ${row.kept}${how.condition} ${how.grouped}`,
    `SELECT '#at', ${id(vehicle.id)}, @last`,
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
