import { Failure } from '../../../errors.ts';
import { type ColumnMapping, mappedColumns, ROW_KEY } from '../../../settings/column-mapping.ts';
import { NUMBER_FIELD_NAMES, NUMBER_FIELDS } from '../../../settings/position-columns.ts';
import { type AttributeEncoder, attributeEncoder } from './attribute-value.ts';
import type { TableColumn } from '../../../records/legacy-tables.ts';
import { type CoordinateColumn, coordinateColumn, coordinateTypeProblem } from './coordinate-column.ts';
import { type NumberColumn, numberColumn } from './number-column.ts';
import { type TimeColumn, timeColumn, timeTypeProblem } from './time-column.ts';

/** Which value of a row goes where, and how it is read. It is decided once per dump, and not per row. */
export interface RowPlan {
  columns: readonly string[];
  id: number;
  /** -1 where the mapping names no column. */
  vehicle: number;
  time: TimeColumn;
  receivedAt: TimeColumn;
  latitude: CoordinateColumn;
  longitude: CoordinateColumn;
  /** Those of NUMBER_FIELDS, in its order. */
  numbers: NumberColumn[];
  attributes: { index: number; column: string; encode: AttributeEncoder /** `,"name":` */; prefix: Buffer }[];
}

export interface RowPlanRequest {
  table: string;
  /** The columns of the dump itself. */
  header: readonly string[];
  /** As planning saw them. */
  tableColumns: readonly TableColumn[];
  mapping: ColumnMapping;
}

/**
 * Applies the mapping to the columns of the dump itself. Columns that the mapping does not name are ignored.
 * @throws Failure SchemaDrift, with the difference, when a mapped column is missing or cannot hold what the mapping says
 */
export function planRows(request: RowPlanRequest): RowPlan {
  const { table, header, tableColumns, mapping } = request;
  assertNoDrift(request);
  const typeOf = typesOf(tableColumns);
  const problem = typeProblem(mapping, typeOf);
  if (problem !== null) throw new Failure('SchemaDrift', `Reading the dump of table ${table}: ${problem}`);
  // Column names are case-insensitive in MySQL.
  const lower = header.map((name) => name.toLowerCase());
  const indexOf = (column: string): number => lower.indexOf(column.toLowerCase());
  return {
    columns: header,
    id: indexOf(typeof mapping.id === 'string' ? mapping.id : ROW_KEY),
    vehicle: mapping.vehicle === undefined ? -1 : indexOf(mapping.vehicle),
    time: timeColumn(mapping.time, indexOf, typeOf),
    receivedAt: timeColumn(mapping.receivedAt, indexOf, typeOf),
    latitude: coordinateColumn(mapping.latitude, { plus: 'N', minus: 'S' }, indexOf),
    longitude: coordinateColumn(mapping.longitude, { plus: 'E', minus: 'W' }, indexOf),
    numbers: planNumbers(mapping, indexOf),
    attributes: Object.entries(mapping.attributes).map(([name, source], position) => {
      const { column, latin1Holds } = typeof source === 'string' ? { column: source, latin1Holds: undefined } : source;
      return {
        index: indexOf(column),
        column,
        encode: attributeEncoder(typeOf(column), latin1Holds),
        prefix: Buffer.from(`${position === 0 ? '' : ','}${JSON.stringify(name)}:`),
      };
    }),
  };
}

function planNumbers(mapping: ColumnMapping, indexOf: (column: string) => number): NumberColumn[] {
  return NUMBER_FIELD_NAMES.map((field) => {
    const source = mapping[field];
    if (source === undefined) return numberColumn(source, -1);
    if (typeof source === 'string') return numberColumn(source, indexOf(source));
    const units: Readonly<Record<string, number>> | null = NUMBER_FIELDS[field].units;
    return numberColumn(source, indexOf(source.column), 'unit' in source ? units?.[source.unit] : 1);
  });
}

/** Why columns of these types cannot hold what the mapping says, or null. */
export function typeProblem(mapping: ColumnMapping, typeOf: (column: string) => string): string | null {
  const { time, receivedAt, latitude, longitude, attributes } = mapping;
  const times = [time, receivedAt].map((source) => (source === undefined ? null : timeTypeProblem(source, typeOf)));
  const places = [latitude, longitude].map((source) => coordinateTypeProblem(source, typeOf));
  const texts = Object.values(attributes).map((source) => textTypeProblem(source, typeOf));
  return [...times, ...places, ...texts].find((problem) => problem !== null) ?? null;
}

const TEXTS = ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum', 'set'];

function textTypeProblem(source: ColumnMapping['attributes'][string], typeOf: (column: string) => string) {
  if (typeof source === 'string' || source.latin1Holds === undefined || TEXTS.includes(typeOf(source.column)))
    return null;
  return `column ${source.column}, mapped as a text that is ${source.latin1Holds}, is of type ${typeOf(source.column)}: latin1Holds goes with texts only.`;
}

/** Returns a column's type in lower case, by the column's name; an empty text for an unknown column. */
export function typesOf(tableColumns: readonly TableColumn[]): (column: string) => string {
  const types = new Map(tableColumns.map(({ name, dataType }) => [name.toLowerCase(), dataType.toLowerCase()]));
  return (column) => types.get(column.toLowerCase()) ?? '';
}

function assertNoDrift({ table, header, tableColumns, mapping }: RowPlanRequest): void {
  const mapped = mappedColumns(mapping).map(({ column }) => column);
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

/** Names in a dump may contain any character, and there may be thousands: they are shown as JSON, and only the first forty. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 40).map((name) => JSON.stringify(name.slice(0, 64)));
  return names.length > 40 ? `${shown.join(', ')} and ${names.length - 40} more` : shown.join(', ');
}
