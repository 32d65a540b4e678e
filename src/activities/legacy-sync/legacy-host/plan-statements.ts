import type { SeenWindow } from '../fleet/legacy-planner.ts';
import { idSumSql } from '../dump/id-sum.ts';
import { IDENTIFIER, type LegacyServer, type Vehicle } from '../../../settings/legacy-server.ts';

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

// Each is a comment to the other one.
const TIME_LIMITS: Statement[] = [
  { sql: `/*M!100101 SET SESSION max_statement_time=${STATEMENT_SECONDS} */;`, about: {} },
  { sql: `/*!50708 SET SESSION max_execution_time=${STATEMENT_SECONDS * 1000} */;`, about: {} },
];
const END: Statement = { sql: "SELECT '#end';", about: {} };

export function name(identifier: string): string {
  if (!IDENTIFIER.test(identifier)) throw new TypeError(`Not a MySQL identifier we are ready to use: ${identifier}`);
  return `\`${identifier}\``;
}

/** A vehicle's id as a string literal: the index of an integer column serves it too, which is not so the other way round. */
export function vehicleLiteral(value: string): string {
  if (!/^[A-Za-z0-9_.:-]{1,64}$/.test(value))
    throw new TypeError(`Not a legacy vehicle id we are ready to use: ${value}`);
  return `'${value}'`;
}

export function id(value: string): string {
  if (!/^\d{1,20}$/.test(value)) throw new TypeError(`Not a legacy row id: ${value}`);
  return value;
}

/** `vehicle = '…' AND `, or nothing where the table is the vehicle's own. */
export function ofVehicle(server: LegacyServer, vehicle: Vehicle): string {
  if (server.columns.vehicle === undefined || vehicle.legacyVehicleId === null) return '';
  return `${name(server.columns.vehicle)} = ${vehicleLiteral(vehicle.legacyVehicleId)} AND `;
}

/** Reads what the tables are like; costs nothing however large they are. */
export function describeStatements(server: LegacyServer, samples: Map<string, PlanRequestVehicle>): Statement[] {
  const tables = [...samples.keys()].map((table) => `'${table}'`).join(',');
  const inSchema = `WHERE table_schema = '${server.database}' AND table_name IN (${tables})`;
  const explained = [...samples].flatMap(([table, { vehicle, fromId }]) => [
    { sql: `SELECT '#x', '${table}';`, about: { table } },
    {
      sql: `EXPLAIN SELECT ${name(server.columns.id)} FROM ${name(table)} WHERE ${ofVehicle(server, vehicle)}${name(server.columns.id)} > ${id(fromId)};`,
      about: { table },
    },
  ]);
  return [
    ...TIME_LIMITS,
    { sql: `SELECT '#t', table_name, IFNULL(engine, '-') FROM information_schema.tables ${inSchema};`, about: {} },
    {
      sql: `SELECT '#c', table_name, column_name, data_type, column_type, is_nullable FROM information_schema.columns ${inSchema} ORDER BY table_name, ordinal_position;`,
      about: {},
    },
    {
      sql: `SELECT '#i', table_name, index_name, column_name FROM information_schema.statistics ${inSchema} ORDER BY table_name, index_name, seq_in_index;`,
      about: {},
    },
    ...explained,
    END,
  ];
}

/** Counts by index ranges, each capped: `tables` are those whose MAX(id) an index answers. */
export function countStatements(
  server: LegacyServer,
  tables: string[],
  vehicles: PlanRequestVehicle[],
  countCap: number,
): Statement[] {
  const key = name(server.columns.id);
  return [
    ...TIME_LIMITS,
    ...tables.map((table) => ({
      sql: `SELECT '#m', '${table}', IFNULL(MAX(${key}), 0) FROM ${name(table)};`,
      about: { table },
    })),
    ...vehicles.map(({ vehicle, fromId, seen }) => {
      const own = ofVehicle(server, vehicle);
      const table = name(vehicle.table);
      const counted = `SELECT 1 FROM ${table} WHERE ${own}${key} > ${id(fromId)} LIMIT ${countCap + 1}`;
      const highest = `SELECT MAX(${key}) FROM ${table}${own === '' ? '' : ` WHERE ${own.replace(/ AND $/, '')}`}`;
      const again = seen
        ? `COUNT(*), ${idSumSql(key)} FROM ${table} WHERE ${own}${key} > ${id(seen.fromId)} AND ${key} <= ${id(seen.toId)}`
        : '0, 0';
      return {
        sql: `SELECT '#v', ${id(vehicle.id)}, (SELECT COUNT(*) FROM (${counted}) n), IFNULL((${highest}), 0), ${again};`,
        about: { vehicleId: vehicle.id, table: vehicle.table },
      };
    }),
    END,
  ];
}
