import { Failure } from '../../../errors.ts';
import type { ColumnMapping } from '../../../settings/legacy-server.ts';
import { type AttributeEncoder, attributeEncoder } from './attribute-value.ts';
import type { TableColumn } from './table-column.ts';

/** Which value of a row feeds what; -1 where the mapping names no column. */
export interface RowPlan {
  columns: readonly string[];
  id: number;
  vehicle: number;
  time: TimeColumn;
  receivedAt: TimeColumn;
  latitude: number;
  longitude: number;
  speedKmh: number;
  headingDeg: number;
  altitudeM: number;
  attributes: { index: number; column: string; encode: AttributeEncoder /** `,"name":` */; prefix: Buffer }[];
}

export interface TimeColumn {
  index: number;
  /** TIMESTAMP, which the dump gives in UTC; else a time of the server's zone. */
  utc: boolean;
}

const TIME_TYPES = ['timestamp', 'datetime', 'date', 'char', 'varchar', 'tinytext', 'text'];

/**
 * Lays the mapping over the columns that the dump really has. Columns that nothing is mapped to are ignored, wherever they stand.
 * @throws Failure SchemaDrift, with the difference, when a mapped column is missing
 */
export function planRows(
  table: string,
  header: readonly string[],
  tableColumns: readonly TableColumn[],
  mapping: ColumnMapping,
): RowPlan {
  assertNoDrift(table, header, tableColumns, mapping);
  const typeOf = new Map(tableColumns.map(({ name, dataType }) => [name.toLowerCase(), dataType.toLowerCase()]));
  // Column names are case-insensitive in MySQL.
  const lower = header.map((name) => name.toLowerCase());
  const indexOf = (column: string | undefined): number =>
    column === undefined ? -1 : lower.indexOf(column.toLowerCase());
  const timeColumn = (column: string | undefined): TimeColumn => {
    const dataType = column === undefined ? 'timestamp' : typeOf.get(column.toLowerCase())!;
    if (!TIME_TYPES.includes(dataType)) throw notATime(table, column!, dataType);
    return { index: indexOf(column), utc: dataType === 'timestamp' };
  };
  return {
    columns: header,
    id: indexOf(mapping.id),
    vehicle: indexOf(mapping.vehicle),
    time: timeColumn(mapping.time),
    receivedAt: timeColumn(mapping.receivedAt),
    latitude: indexOf(mapping.latitude),
    longitude: indexOf(mapping.longitude),
    speedKmh: indexOf(mapping.speedKmh),
    headingDeg: indexOf(mapping.headingDeg),
    altitudeM: indexOf(mapping.altitudeM),
    attributes: Object.entries(mapping.attributes).map(([name, column], position) => ({
      index: indexOf(column),
      column,
      encode: attributeEncoder(typeOf.get(column.toLowerCase())!),
      prefix: Buffer.from(`${position === 0 ? '' : ','}${JSON.stringify(name)}:`),
    })),
  };
}

function assertNoDrift(
  table: string,
  header: readonly string[],
  tableColumns: readonly TableColumn[],
  mapping: ColumnMapping,
): void {
  const { attributes, ...single } = mapping;
  const mapped = [...Object.values(single), ...Object.values(attributes)].filter((column) => column !== undefined);
  const dumped = new Set(header.map((name) => name.toLowerCase()));
  const planned = new Set(tableColumns.map(({ name }) => name.toLowerCase()));
  const missing = mapped.filter((column) => !dumped.has(column.toLowerCase()) || !planned.has(column.toLowerCase()));
  if (missing.length === 0) return;
  const added = header.filter((name) => !planned.has(name.toLowerCase()));
  throw new Failure(
    'SchemaDrift',
    `Reading the dump of table ${table}: mapped columns are missing: ${list(missing)}; the dump has ${list(header)}` +
      `${added.length > 0 ? `, of which new since planning: ${list(added)}` : ''}. ` +
      'Correct the column mapping of the legacy server, then sync again.',
  );
}

function notATime(table: string, column: string, dataType: string): Failure {
  return new Failure(
    'SchemaDrift',
    `Reading the dump of table ${table}: column ${column}, mapped as a time, is of type ${dataType}. ` +
      `Map a column of type ${TIME_TYPES.slice(0, 3).join(', ')} or a text that holds "YYYY-MM-DD hh:mm:ss".`,
  );
}

/** Names out of a dump may be anything: shown as JSON, and not all of ten thousand. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 40).map((name) => JSON.stringify(name.slice(0, 64)));
  return names.length > 40 ? `${shown.join(', ')} and ${names.length - 40} more` : shown.join(', ');
}
