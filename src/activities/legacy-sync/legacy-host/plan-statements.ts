import type { SeenWindow } from '../../../records/synced-vehicles.ts';
import { idSumSql } from '../dump/id-sum.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import { rowKey } from './row-key.ts';
import { name, nameLiteral, VEHICLE_KEY } from '../../../settings/mysql-identifier.ts';

export interface PlanRequestVehicle {
  vehicle: Vehicle;
  /** Rows above this id are new; decimal. */
  fromId: string;
  seen: SeenWindow | null;
}

/** A statement per line, so that the client's "at line n" names what failed. */
export interface Statement {
  sql: string;
  about: { table?: string; vehicleId?: string };
}

/** Longest a single statement may take; the server itself ends it, because a killed client would leave it running. */
const STATEMENT_SECONDS = 120;

// MySQL reads one of these and MariaDB the other: each takes the other's for a comment.
export const TIME_LIMITS: Statement[] = [
  { sql: `/*M!100101 SET SESSION max_statement_time=${STATEMENT_SECONDS} */;`, about: {} },
  { sql: `/*!50708 SET SESSION max_execution_time=${STATEMENT_SECONDS * 1000} */;`, about: {} },
];
/** A TIMESTAMP is the same in every session of ours. */
const SAME_ZONE: Statement = { sql: "SET SESSION time_zone = '+00:00';", about: {} };
export const END: Statement = { sql: "SELECT '#end';", about: {} };

/** A vehicle's id as a string literal. MySQL compares it by index with an integer column too; a number would not use the index of a text column. */
export function vehicleLiteral(value: string): string {
  if (!VEHICLE_KEY.test(value)) throw new TypeError(`Not a legacy vehicle id we are ready to use: ${value}`);
  return `'${value}'`;
}

export function id(value: string): string {
  if (!/^\d{1,20}$/.test(value)) throw new TypeError(`Not a legacy row id: ${value}`);
  return value;
}

/** `vehicle = '…' AND `, after the scope's columns; nothing where the table is the vehicle's own. */
export function ofVehicle(server: LegacyServer, vehicle: Vehicle): string {
  const { columns } = server;
  const own =
    columns.vehicle === undefined || vehicle.legacyVehicleId === null
      ? []
      : [[columns.vehicle, vehicle.legacyVehicleId] as const];
  return `${scopeOf(server)}${conditions(own)}`;
}

/** The scope's columns alone, in the same form. */
export const scopeOf = ({ columns }: LegacyServer): string => conditions(Object.entries(columns.scope ?? {}));

const conditions = (columns: readonly (readonly [string, string])[]): string =>
  columns.map(([column, value]) => `${name(column)} = ${vehicleLiteral(value)} AND `).join('');

/** Reads what the tables are like; costs nothing however large they are. */
export function describeStatements(server: LegacyServer, samples: Map<string, PlanRequestVehicle>): Statement[] {
  const tables = [...samples.keys()].map(nameLiteral).join(',');
  const inSchema = `WHERE table_schema = ${nameLiteral(server.database)} AND table_name IN (${tables})`;
  const key = rowKey(server.columns);
  const explained = [...samples].flatMap(([table, { vehicle, fromId }]) => [
    { sql: `SELECT '#x', ${nameLiteral(table)};`, about: { table } },
    {
      sql: `EXPLAIN SELECT ${key.sql} FROM ${name(table)} WHERE ${ofVehicle(server, vehicle)}${key.above(fromId === '0' ? '1' : fromId)};`,
      about: { table },
    },
  ]);
  return [
    ...TIME_LIMITS,
    { sql: "SELECT '#n', @@lower_case_table_names;", about: {} },
    {
      sql: `SELECT '#t', table_name, IFNULL(engine, '-'), IFNULL(table_rows, 0), IFNULL(create_options, '') LIKE '%partitioned%' FROM information_schema.tables ${inSchema};`,
      about: {},
    },
    {
      sql: `SELECT '#c', table_name, column_name, data_type, column_type, is_nullable, extra LIKE '%auto_increment%' FROM information_schema.columns ${inSchema} ORDER BY table_name, ordinal_position;`,
      about: {},
    },
    {
      sql: `SELECT '#i', table_name, index_name, column_name, non_unique = 0 FROM information_schema.statistics ${inSchema} ORDER BY table_name, index_name, seq_in_index;`,
      about: {},
    },
    ...explained,
    END,
  ];
}

/** Where the rows of these tables lie, whose id an index leads to. */
const spanStatements = (server: LegacyServer, tables: readonly string[]): Statement[] => {
  const key = rowKey(server.columns).sql;
  return tables.map((table) => ({
    sql: `SELECT '#m', ${nameLiteral(table)}, IFNULL(MAX(${key}), 0), IFNULL(MIN(${key}), 0) FROM ${name(table)};`,
    about: { table },
  }));
};

/** These statements, and where the rows of their tables lie. */
export const newestStatements = (
  server: LegacyServer,
  lists: readonly (Statement & { table: string })[],
  marks: readonly Statement[],
): Statement[] => [
  ...TIME_LIMITS,
  SAME_ZONE,
  ...spanStatements(
    server,
    lists.map(({ table }) => table),
  ),
  ...lists,
  ...marks,
  END,
];

/**
 * Counts by index ranges: `tables` are those whose MAX(id) an index answers. A count is capped by rows of a derived table, each of which the server
 * writes down first; of a table that has no more than the cap (`small`) they are counted as they are read.
 */
export function countStatements(
  server: LegacyServer,
  {
    tables,
    small,
    vehicles,
    countCap,
    marks,
  }: {
    tables: string[];
    small: ReadonlySet<string>;
    vehicles: PlanRequestVehicle[];
    countCap: number;
    marks: readonly Statement[];
  },
): Statement[] {
  const key = rowKey(server.columns);
  return [
    ...TIME_LIMITS,
    SAME_ZONE,
    ...spanStatements(server, tables),
    ...vehicles.map(({ vehicle, fromId, seen }) => {
      const own = ofVehicle(server, vehicle);
      const table = name(vehicle.table);
      const newer = `FROM ${table} WHERE ${own}${key.above(fromId)} AND ${key.until}`;
      const counted = small.has(vehicle.table)
        ? `SELECT COUNT(*) ${newer}`
        : `SELECT COUNT(*) FROM (SELECT 1 ${newer} LIMIT ${countCap + 1}) n`;
      const highest = key.highest(table, own.replace(/ AND $/, ''));
      const again = seen
        ? `COUNT(*), ${idSumSql(key.sql)} FROM ${table} WHERE ${own}${key.above(seen.fromId)} AND ${key.upTo(id(seen.toId), seen.toId)}`
        : '0, 0';
      return {
        sql: `SELECT '#v', ${id(vehicle.id)}, (${counted}), IFNULL((${highest}), 0), ${again};`,
        about: { vehicleId: vehicle.id, table: vehicle.table },
      };
    }),
    ...marks,
    END,
  ];
}
