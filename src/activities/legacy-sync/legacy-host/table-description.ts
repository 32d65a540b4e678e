import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';

/** As stored in `legacy_tables.columns`, in table order. */
export interface LegacyColumn {
  name: string;
  dataType: string;
  columnType: string;
  nullable: boolean;
}

export interface TableDescription {
  columns: LegacyColumn[];
  engine: string;
  /** Columns of each index, in order. */
  indexes: string[][];
  /** What EXPLAIN says of a delta: access type and rows it expects to look at. */
  access: { type: string; rows: number } | null;
}

/** Reads the rows of describeStatements. A table that does not exist is not in the result. */
export function describeTables(rows: string[][]): Map<string, TableDescription> {
  const tables = new Map<string, TableDescription>();
  const indexes = new Map<string, string[]>();
  let explained: string | undefined;
  for (const [tag, table = '', ...rest] of rows) {
    if (tag === '#t') tables.set(table, { columns: [], engine: rest[0] ?? '', indexes: [], access: null });
    const description = tables.get(tag?.startsWith('#') ? table : (explained ?? ''));
    if (tag === '#x') explained = table;
    else if (description === undefined) continue;
    else if (tag === '#c') description.columns.push(column(rest));
    else if (tag === '#i') {
      const [index = '', columnName = ''] = rest;
      const known = indexes.get(`${table}/${index}`);
      if (known) known.push(columnName);
      else indexes.set(`${table}/${index}`, added(description.indexes, [columnName]));
    } else if (tag !== '#t') description.access = accessOf([tag ?? '', table, ...rest]);
  }
  return tables;
}

function added<T>(list: T[], item: T): T {
  list.push(item);
  return item;
}

const column = ([name = '', dataType = '', columnType = '', nullable = '']: string[]): LegacyColumn => ({
  name,
  dataType: dataType.toLowerCase(),
  columnType,
  nullable: nullable === 'YES',
});

/** MySQL from 5.7 on has two columns more (partitions, filtered) than MariaDB. */
function accessOf(row: string[]): TableDescription['access'] {
  const wide = row.length >= 12;
  const type = row[wide ? 4 : 3] ?? '';
  const rows = Number(row[wide ? 9 : 8]);
  return { type, rows: Number.isFinite(rows) ? rows : 0 };
}

/** A scan of fewer rows than this costs nothing, whatever EXPLAIN prefers. */
const SMALL_TABLE_ROWS = 10_000;

/** `range`: an index leads straight to the new rows. `vehicle`: to all rows of the vehicle. `scan`: none serves. */
export function deltaAccess(
  table: TableDescription,
  server: LegacyServer,
  vehicle: Vehicle,
): 'range' | 'vehicle' | 'scan' {
  const key = server.columns.id;
  const owner = vehicle.legacyVehicleId === null ? undefined : server.columns.vehicle;
  const scans = table.access !== null && ['ALL', 'index'].includes(table.access.type);
  if (scans && (table.access?.rows ?? 0) > SMALL_TABLE_ROWS) return 'scan';
  if (owner === undefined) return table.indexes.some((index) => index[0] === key) ? 'range' : 'scan';
  const leading = table.indexes.filter((index) => index[0] === owner);
  // InnoDB ends every secondary index with the primary key.
  const appended = table.engine === 'InnoDB' && table.indexes.some((index) => index[0] === key);
  if (leading.some((index) => index[1] === key || (index.length === 1 && appended))) return 'range';
  return leading.length > 0 ? 'vehicle' : 'scan';
}

export const hasIdIndex = (table: TableDescription, server: LegacyServer): boolean =>
  table.indexes.some((index) => index[0] === server.columns.id);
