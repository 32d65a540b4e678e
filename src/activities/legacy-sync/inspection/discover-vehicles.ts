import { Failure } from '../../../errors.ts';
import { columnNamed, type DescribedTable, indexLeads } from '../../../legacy-inspection/described-table.ts';
import { type MappingProposal, proposeMappings } from '../../../legacy-inspection/propose-mapping.ts';
import { mappedColumns } from '../../../settings/column-mapping.ts';
import { stemOfMonth } from '../../../legacy-inspection/table-layout.ts';
import { foldKey } from '../../../records/new-vehicles.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import { IDENTIFIER, VEHICLE_KEY, name } from '../../../settings/mysql-identifier.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import { type Statement, vehicleLiteral } from '../legacy-host/plan-statements.ts';
import { describeServerStatements, readDescribedServer } from './describe-server.ts';
import { distinctKeys } from './distinct-keys.ts';
import type { Ask } from './query-cost.ts';

/** A vehicle that a legacy server has rows of. */
export interface FoundVehicle {
  table: string;
  /** Value of the mapping's vehicle column; null where the table is the vehicle's own. */
  legacyVehicleId: string | null;
  /** Its name there, or what stands for it. */
  label: string;
  /** The same for what is found of a vehicle in several tables of months; null where the table is no month's. */
  series: string | null;
}

export interface Discovery {
  vehicles: FoundVehicle[];
  /** Keys and tables that hold what no statement of ours may, as JSON. */
  skipped: string[];
}

/**
 * Finds the vehicles of a server: by its device table's names, the distinct values of its vehicle column along an index, or its tables' names.
 * Reads no table whole. Errors: those of the connection and of MySQL; SchemaDrift when no table has the mapped columns; NoIndexOnVehicle.
 */
export async function discoverVehicles(
  hosts: Pick<LegacyHosts, 'of'>,
  server: LegacyServer,
  { table, signal }: { table?: string | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Discovery> {
  const host = hosts.of(server);
  const ask: Ask = (statements) => host.ask(server.database, statements, signal);
  const { databases } = readDescribedServer(await ask(describeServerStatements(server.database)));
  const tables = databases.get(server.database) ?? [];
  const found: Discovery = { vehicles: [], skipped: [] };
  for (const group of mappedGroups(server, tables, table)) {
    const labels = await labelsOf(ask, group, { server, tables });
    for (const each of group.tables) {
      if (server.columns.vehicle === undefined) found.vehicles.push(ownerOf(each, group, labels));
      else
        await addKeys(found, { ask, server, group, table: tables.find(({ name: known }) => known === each)!, labels });
    }
  }
  return found;
}

/** The vehicle that a table belongs to when its rows name none. */
function ownerOf(table: string, { layout }: MappingProposal, labels: Map<string, string>): FoundVehicle {
  const stem = layout === 'per-month' ? stemOfMonth(table) : null;
  return { table, legacyVehicleId: null, label: tableLabel(stem ?? table, labels), series: stem };
}

/**
 * The tables that the server's mapping fits: those of a group that looks like positions. Where the rows name no vehicle and lie in tables of months, each
 * vehicle has such a group of its own.
 */
function mappedGroups(server: LegacyServer, tables: DescribedTable[], wanted: string | undefined): MappingProposal[] {
  const columns = [...new Set(mappedColumns(server.columns).map(({ column }) => column))];
  const fits = (table: DescribedTable): boolean =>
    columns.every((column) => columnNamed(table, column) !== undefined) && IDENTIFIER.test(table.name);
  const named = tables.filter((table) => table.name.toLowerCase() === wanted?.toLowerCase());
  const groups = proposeMappings(wanted === undefined ? tables : named).filter(({ example }) => fits(example));
  const [first] = groups.filter(({ layout }) => (layout === 'per-vehicle') === (server.columns.vehicle === undefined));
  const group = first ?? groups[0];
  if (group?.layout === 'per-month' && server.columns.vehicle === undefined)
    return groups
      .filter(({ layout }) => layout === 'per-month')
      .sort((one, other) => (one.tables[0]! < other.tables[0]! ? -1 : 1));
  if (group !== undefined) return [group];
  throw new Failure(
    'SchemaDrift',
    `Looking for vehicles at ${server.id}: no table of ${server.database}${wanted === undefined ? '' : ` named ${wanted}`} has the mapped columns ${columns.join(', ')}. Correct the column mapping, or inspect the server anew.`,
  );
}

/** More devices than this are no fleet. */
const MOST_DEVICES = 100_000;

/** Names by key, from the system's device table. */
async function labelsOf(
  ask: Ask,
  { devices }: MappingProposal,
  { server, tables }: { server: LegacyServer; tables: DescribedTable[] },
): Promise<Map<string, string>> {
  const table = tables.find(({ name: known }) => known.toLowerCase() === devices?.table.toLowerCase());
  const columns = [devices?.key, devices?.label].map((column) => table && column && columnNamed(table, column)?.name);
  const [key, label] = columns;
  if (table === undefined || !key || !label) return new Map();
  const rows = await ask([
    sql(
      `SELECT ${name(key)}, IFNULL(${name(label)}, '') FROM ${name(table.name)} WHERE ${withinScope(server, table)}TRUE LIMIT ${MOST_DEVICES};`,
    ),
  ]);
  return new Map(rows.flatMap(([id = '', text = '']) => (text.trim() === '' ? [] : [[id, text.trim()] as const])));
}

/** The scope's conditions, as far as a table has its columns. */
function withinScope({ columns: { scope = {} } }: LegacyServer, table: DescribedTable): string {
  return Object.entries(scope)
    .filter(([column]) => columnNamed(table, column) !== undefined)
    .map(([column, value]) => `${name(column)} = ${vehicleLiteral(value)} AND `)
    .join('');
}

const sql = (text: string): Statement => ({ sql: text, about: {} });

/** `gs_object_data_860…` is of device 860…; any other table is called by its own name. */
function tableLabel(table: string, labels: Map<string, string>): string {
  const key = /_([^_]+)$/.exec(table)?.[1] ?? table;
  return labels.get(key) ?? table;
}

interface KeysOfTable {
  ask: Ask;
  server: LegacyServer;
  group: MappingProposal;
  table: DescribedTable;
  labels: Map<string, string>;
}

async function addKeys(found: Discovery, { ask, server, group, table, labels }: KeysOfTable): Promise<void> {
  const column = columnNamed(table, server.columns.vehicle!)!.name;
  const scope = Object.keys(server.columns.scope ?? {});
  const indexed = indexLeads(table, ...scope, column);
  const keys = await distinctKeys(ask, { server, table, column, indexed, within: withinScope(server, table) });
  for (const key of keys) {
    if (!VEHICLE_KEY.test(key)) {
      found.skipped.push(JSON.stringify(key));
      continue;
    }
    const label = labels.get(key) ?? key;
    const stem = group.layout === 'per-month' ? stemOfMonth(table.name) : null;
    const series = stem === null ? null : JSON.stringify([stem, foldKey(key)]);
    found.vehicles.push({ table: table.name, legacyVehicleId: key, label, series });
  }
}
