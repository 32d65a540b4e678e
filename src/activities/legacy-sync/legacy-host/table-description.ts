import type { TableColumn } from '../../../records/legacy-tables.ts';
import { keyColumn } from '../../../settings/column-mapping.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';

export interface TableDescription {
  columns: TableColumn[];
  engine: string;
  /** The server's own guess. */
  rows: number;
  /** Columns of each index, in order. */
  indexes: string[][];
  /** The names of the indexes, in the same order. */
  indexNames: string[];
  /** The columns of those that hold no two equal rows. */
  uniqueIndexes: string[][];
  /** MySQL wants the columns of a partitioned table's partitions in each of its unique indexes. */
  partitioned: boolean;
  /** The column that the server itself counts up. */
  autoIncrement: string | null;
  /** What EXPLAIN says of a delta: access type and rows it expects to look at. */
  access: { type: string; rows: number } | null;
}

/**
 * Reads the rows of describeStatements. A table that does not exist is not in the result; one that does is there by the name it was asked
 * for, which on servers that know no case in the names of tables (lower_case_table_names) may not be the name it has.
 */
export function describeTables(rows: string[][], asked: Iterable<string> = []): Map<string, TableDescription> {
  const tables = new Map<string, TableDescription>();
  const indexes = new Map<string, string[]>();
  const folds = rows.some(([tag, value]) => tag === '#n' && value !== '0');
  const find = (table: string): TableDescription | undefined =>
    tables.get(table) ?? (folds ? folded(tables, table) : undefined);
  let explained: string | undefined;
  for (const [tag, table = '', ...rest] of rows) {
    if (tag === '#n') continue;
    if (tag === '#t')
      tables.set(table, {
        columns: [],
        engine: rest[0] ?? '',
        rows: Number(rest[1] ?? 0) || 0,
        indexes: [],
        indexNames: [],
        uniqueIndexes: [],
        partitioned: rest[2] === '1',
        autoIncrement: null,
        access: null,
      });
    const description = find(tag?.startsWith('#') ? table : (explained ?? ''));
    if (tag === '#x') explained = table;
    else if (description === undefined) continue;
    else if (tag === '#c') {
      description.columns.push(column(rest));
      if (rest[4] === '1') description.autoIncrement = rest[0] ?? null;
    } else if (tag === '#i') {
      addIndexed(description, indexes, { table, rest });
    } else if (tag !== '#t') description.access = worse(description.access, accessOf([tag ?? '', table, ...rest]));
  }
  for (const table of asked) {
    const description = find(table);
    if (description !== undefined) tables.set(table, description);
  }
  return tables;
}

/** An index comes column by column. */
function addIndexed(
  { indexes, indexNames, uniqueIndexes }: TableDescription,
  known: Map<string, string[]>,
  { table, rest: [index = '', columnName = '', unique] }: { table: string; rest: string[] },
): void {
  const before = known.get(`${table}/${index}`);
  if (before) {
    before.push(columnName);
    return;
  }
  const columns = [columnName];
  known.set(`${table}/${index}`, columns);
  indexes.push(columns);
  indexNames.push(index);
  if (unique === '1') uniqueIndexes.push(columns);
}

function folded(tables: Map<string, TableDescription>, wanted: string): TableDescription | undefined {
  return [...tables].find(([table]) => table.toLowerCase() === wanted.toLowerCase())?.[1];
}

/** Whether an index's column is one that the mapping names: names of columns have no case in MySQL. */
export const isColumn = (found: string | undefined, mapped: string): boolean =>
  found?.toLowerCase() === mapped.toLowerCase();

const column = ([name = '', dataType = '', columnType = '', nullable = '']: string[]): TableColumn => ({
  name,
  dataType: dataType.toLowerCase(),
  columnType,
  nullable: nullable === 'YES',
});

type Access = NonNullable<TableDescription['access']>;

/** The row of an EXPLAIN that costs most: a view has several. null: there is no row. */
export const worstAccess = (rows: string[][]): Access | null => rows.map(accessOf).reduce(worse, null);

const isScan = ({ type }: Access): boolean => ['ALL', 'index'].includes(type);

function worse(one: Access | null, other: Access): Access {
  if (one === null || (isScan(other) && !isScan(one))) return other;
  return isScan(one) === isScan(other) && other.rows > one.rows ? other : one;
}

/** MySQL from 5.7 on has two columns more (partitions, filtered) than MariaDB. */
function accessOf(row: string[]): Access {
  const wide = row.length >= 12;
  const type = row[wide ? 4 : 3] ?? '';
  const rows = Number(row[wide ? 9 : 8]);
  return { type, rows: Number.isFinite(rows) ? rows : 0 };
}

/** What describeStatements has for the engine of a view. */
const VIEW = '-';
/** A scan of fewer rows than this costs nothing, whatever EXPLAIN prefers. */
export const SMALL_TABLE_ROWS = 10_000;

/** `range`: an index leads straight to the new rows. `vehicle`: to all rows of the vehicle. `scan`: none serves. */
export function deltaAccess(
  table: TableDescription,
  server: LegacyServer,
  vehicle: Vehicle,
): 'range' | 'vehicle' | 'scan' {
  const key = keyColumn(server.columns);
  const owner = vehicle.legacyVehicleId === null ? undefined : server.columns.vehicle;
  const scans = table.access !== null && isScan(table.access);
  if (scans && (table.access?.rows ?? 0) > SMALL_TABLE_ROWS) return 'scan';
  // A view has no index of its own: without an EXPLAIN of what is behind it, nothing says that it is no scan.
  if (table.engine === VIEW)
    return table.access === null ? 'scan' : table.access.type === 'range' ? 'range' : 'vehicle';
  const fixed = [...Object.keys(server.columns.scope ?? {}), ...(owner === undefined ? [] : [owner])];
  return indexAccess(table, fixed, key);
}

/** What the indexes serve where these columns have one value each, and the key's is above another. */
function indexAccess(table: TableDescription, fixed: readonly string[], key: string): 'range' | 'vehicle' | 'scan' {
  if (fixed.length === 0) return table.indexes.some((index) => isColumn(index[0], key)) ? 'range' : 'scan';
  const leading = table.indexes.filter((index) =>
    index.slice(0, fixed.length).every((column) => fixed.some((each) => isColumn(column, each))),
  );
  // InnoDB ends every secondary index with the primary key.
  const appended = table.engine === 'InnoDB' && table.indexes.some((index) => isColumn(index[0], key));
  const whole = leading.filter((index) => index.length >= fixed.length);
  if (whole.some((index) => isColumn(index[fixed.length], key) || (index.length === fixed.length && appended)))
    return 'range';
  return leading.length > 0 ? 'vehicle' : 'scan';
}

/** An index that leads to a table's rows by their id; undefined: there is none, no column holds the id, or not all of the rows are ours. */
export const idIndex = (table: TableDescription, { columns: { id, scope } }: LegacyServer): string | undefined =>
  typeof id === 'string' && scope === undefined
    ? table.indexNames[table.indexes.findIndex((index) => isColumn(index[0], id))]
    : undefined;

export const hasIdIndex = (table: TableDescription, server: LegacyServer): boolean =>
  idIndex(table, server) !== undefined;

/** Whether an index leads to the ids of each vehicle, in their order. */
export const hasVehicleIndex = (table: TableDescription, { columns }: LegacyServer): boolean =>
  columns.vehicle !== undefined && indexAccess(table, [columns.vehicle], keyColumn(columns)) === 'range';
