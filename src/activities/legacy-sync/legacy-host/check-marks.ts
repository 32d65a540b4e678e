import { timeColumnsOf } from '../../../settings/column-mapping.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import { name, nameLiteral } from '../../../settings/mysql-identifier.ts';
import type { TableColumn } from '../../../records/legacy-tables.ts';
import { isSameTime } from '../dump/same-time.ts';
import { type TimeReader, timeReader } from '../dump/time-reader.ts';
import { id, ofVehicle, type PlanRequestVehicle, type Statement } from './plan-statements.ts';
import { rowLiteral } from './select-rows.ts';
import { isColumn } from './table-description.ts';

/** A row that an import brought and that has another time at the source now. */
export interface OtherRow {
  id: string;
  before: number;
  now: number | null;
}

interface MarkedTable {
  table: string;
  columns: readonly TableColumn[];
  requests: readonly PlanRequestVehicle[];
  /** An index leads to a row by its id alone. */
  byId: boolean;
}

/** Asks for the times of the marked rows, by their ids. Of a table that is followed by a time there are none. */
export function markStatements(server: LegacyServer, { table, columns, requests, byId }: MarkedTable): Statement[] {
  const marked = requests.filter(({ seen }) => (seen?.marks ?? []).length > 0);
  if (marked.length === 0 || typeof server.columns.id !== 'string') return [];
  const key = name(server.columns.id);
  const ids = (of: readonly PlanRequestVehicle[]) =>
    of.flatMap(({ seen }) => (seen?.marks ?? []).map(([each]) => signedId(each))).join(',');
  const select = (vehicleId: string, condition: string): Statement => ({
    sql: `SELECT '#k', ${nameLiteral(table)}, ${id(vehicleId)}, ${key} + 0, ${rowLiteral(timesOf(server, columns))} FROM ${name(table)} WHERE ${condition};`,
    about: { table },
  });
  if (byId) return [select('0', `${key} IN (${ids(marked)})`)];
  return marked.map((request) =>
    select(request.vehicle.id, `${ofVehicle(server, request.vehicle)}${key} IN (${ids([request])})`),
  );
}

const timesOf = ({ columns: { time } }: LegacyServer, columns: readonly TableColumn[]): TableColumn[] =>
  timeColumnsOf(time).map((column) => columns.find((each) => isColumn(each.name, column))!);

function signedId(value: string): string {
  if (!/^-?\d{1,19}$/.test(value)) throw new TypeError(`Not a legacy row id: ${value}`);
  return value;
}

/**
 * Finds the vehicles whose ids were given anew: their marked rows are there with other times, and none has its own time. Rows that are gone say
 * nothing. If one row of two has changed, the source changed it in place. `rows` are those of the statements above.
 */
export function otherRows(
  server: LegacyServer,
  { table, columns, requests }: MarkedTable,
  rows: readonly (readonly string[])[],
): Map<string, OtherRow> {
  const marked = requests.filter(({ seen }) => (seen?.marks ?? []).length > 0);
  if (marked.length === 0) return new Map();
  const read: TimeReader = timeReader(server, timesOf(server, columns));
  const found = new Map<string, (number | null)[]>();
  for (const [tag, of, vehicleId, rowId, tuple = ''] of rows) {
    if (tag !== '#k' || of !== table) continue;
    const key = `${vehicleId}/${rowId}`;
    found.set(key, [...(found.get(key) ?? []), read(tuple)]);
  }
  const others = marked.flatMap(({ vehicle, seen }) => {
    const now = (seen?.marks ?? []).flatMap(([rowId, before]) =>
      [...(found.get(`0/${rowId}`) ?? []), ...(found.get(`${vehicle.id}/${rowId}`) ?? [])].map((seconds) => ({
        id: rowId,
        before,
        now: seconds,
      })),
    );
    const [first] = now;
    const kept = now.some((each) => each.now !== null && isSameTime(each.before, each.now));
    return first === undefined || kept ? [] : [[vehicle.id, first] as const];
  });
  return new Map(others);
}
