import pg from 'pg';
import type { TableColumn } from '../../../records/legacy-tables.ts';
import type { ColumnMapping, NumberSource } from '../../../settings/column-mapping.ts';
import type { LegacyServer, ValuePolicy } from '../../../settings/legacy-server.ts';
import { NUMBER_FIELD_NAMES, NUMBER_FIELDS } from '../../../settings/position-columns.ts';
import { rowKey } from '../legacy-host/row-key.ts';
import type { RowReader } from '../legacy-host/choose-reader.ts';
import { comparedAttribute } from './compared-attributes.ts';
import { arrivesRounded, sourceDegrees, sourceDigits, sourceNumber, targetDigits } from './compared-numbers.ts';
import { type ComparedTime, comparedTime } from './compared-times.ts';
import type { ZoneOffset } from './zone-offsets.ts';

/**
 * SQL by which either side hashes a row by itself: MySQL its own columns, read as the mapping says, PostgreSQL what arrived. Nothing of the
 * converter is in it, so that a fault of the converter shows. docs/decisions/0026.
 */
export interface ComparedRow {
  source: SourceSql;
  target: RowSql;
  fields: ComparedFields;
}

/** The fields of a row one by one, those that are numbers as doubles. */
export interface ComparedFields {
  /** SQL of the id at the source. */
  id: string;
  time: ComparedTime;
  /** null: the mapping names none. */
  receivedAt: ComparedTime | null;
  /** Latitude, longitude and the measured numbers; null: the mapping names none. */
  numbers: readonly (DoubleSql | null)[];
  texts: readonly Pair[];
}

/** A number column as a double at the source. `rounded`: a FLOAT, of which its six digits arrive. */
export interface DoubleSql {
  sql: string;
  rounded: boolean;
}

export interface RowSql {
  /** Days since 1970 of the server's zone. */
  day: string;
  /** Fifteen hex digits. */
  hash: string;
  /** Their sum over the rows of a group. */
  sum: string;
}

export interface SourceSql extends RowSql {
  /** Which rows an import keeps, in positions or in quarantine. */
  kept: string;
}

/** SQL of a field's text on either side. */
export interface Pair {
  source: string;
  target: string;
}

interface NumberPair extends Pair {
  double: DoubleSql | null;
}

/** MySQL's CONCAT_WS leaves NULLs out, which would make two neighbours look alike. */
const NOTHING = "'~'";

interface RowOptions {
  server: Pick<LegacyServer, 'columns' | 'values'>;
  tableColumns: readonly TableColumn[];
  reader: RowReader['kind'];
  offsets: readonly ZoneOffset[];
}

/** The row's SQL, or the fields that MySQL cannot read as an import does: such rows are read and compared here. */
export function comparedRow(options: RowOptions): ComparedRow | { unsaid: string[] } {
  const { columns } = options.server;
  const time = timeOf(options, columns.time, 'time');
  const [latitude, longitude] = [columns.latitude, columns.longitude].map((source, at) =>
    coordinateOf(options, source, at === 0 ? 'latitude' : 'longitude'),
  ) as [NumberPair | null, NumberPair | null];
  const numbers = numbersOf(options);
  const attributes = attributesOf(options);
  const receivedAt = columns.receivedAt === undefined ? null : timeOf(options, columns.receivedAt, 'received_at');
  const id = `${rowKey(columns).sql} + 0`;
  const fields: [string, Pair | null][] = [
    ['id', typeof columns.id === 'string' ? { source: id, target: 'legacy_id' } : null],
    ['time', time],
    ['latitude', latitude],
    ['longitude', longitude],
    ...numbers,
    ['receivedAt', columns.receivedAt === undefined ? ABSENT : receivedAt],
    ...attributes,
  ];
  const unsaid = fields.filter(([, pair]) => pair === null).map(([field]) => field);
  if (time === null || latitude === null || longitude === null || unsaid.length > 0) return { unsaid };
  const pairs = fields.map(([, pair]) => pair!);
  const kept = keptRows(options.server.values, latitude.source, longitude.source);
  return {
    source: { ...sourceSql(pairs, time), kept },
    target: targetSql(pairs, time),
    fields: {
      id,
      time,
      receivedAt,
      numbers: [latitude, longitude, ...numbers.map(([, pair]) => pair!)].map(({ double }) => double),
      texts: attributes.map(([, pair]) => pair!),
    },
  };
}

/** An import keeps no row without a fix where the server's values say so. */
function keptRows({ withoutFix, nullIsland }: ValuePolicy, latitude: string, longitude: string): string {
  if (withoutFix !== 'skip') return 'TRUE';
  const placed = `${latitude} IS NOT NULL AND ${longitude} IS NOT NULL`;
  if (nullIsland !== 'quarantine') return placed;
  return `${placed} AND NOT (${latitude} + 0e0 = 0 AND ${longitude} + 0e0 = 0)`;
}

/** Columns of `positions` that the mapping fills from nothing are compared as well: they are NULL. */
const ABSENT: Pair = { source: NOTHING, target: 'received_at::text' };

function numbersOf(options: RowOptions): [string, NumberPair | null][] {
  return NUMBER_FIELD_NAMES.map((field) => {
    const source = options.server.columns[field];
    const units: Readonly<Record<string, number>> | null = NUMBER_FIELDS[field].units;
    const unit = typeof source === 'object' && 'unit' in source ? (units?.[source.unit] ?? 1) : 1;
    return [field, numberOf(options, source, { into: NUMBER_FIELDS[field].column, unit })];
  });
}

function numberOf(
  options: RowOptions,
  source: NumberSource | undefined,
  { into, unit = 1, shown = sourceDigits }: { into: string; unit?: number; shown?: (value: string) => string },
): NumberPair | null {
  const target = targetDigits(into);
  if (source === undefined) return { source: NOTHING, target, double: null };
  const column = columnOf(options, typeof source === 'string' ? source : source.column);
  if (column === undefined) return null;
  const { reader } = options;
  const value = sourceNumber(source, column, { unit, reader });
  if (value === null) return null;
  const rounded = arrivesRounded(source, column, { unit, reader });
  const sql = rounded ? sourceNumber(source, column, { unit, reader: 'select' })! : value;
  return { source: shown(value), target, double: { sql, rounded } };
}

function coordinateOf(options: RowOptions, source: ColumnMapping['latitude'], into: string): NumberPair | null {
  const plain =
    typeof source === 'string' ||
    (source.format === 'degrees' && source.hemisphere === undefined && isNumeric(columnOf(options, source.column)));
  return plain ? numberOf(options, source, { into, shown: sourceDegrees }) : null;
}

/** A text may have its letter in the value. */
const isNumeric = (column: TableColumn | undefined): boolean =>
  column !== undefined && /int$|^(decimal|double|float)$/.test(column.dataType);

function timeOf(options: RowOptions, source: ColumnMapping['time'], into: 'time' | 'received_at'): ComparedTime | null {
  if (typeof source === 'object' && 'date' in source) return null;
  const [columnName, format] = typeof source === 'string' ? [source, null] : [source.column, source.format];
  const column = columnOf(options, columnName);
  return column === undefined ? null : comparedTime({ format, column, into }, options.offsets);
}

function attributesOf(options: RowOptions): [string, Pair | null][] {
  const { values, columns } = options.server;
  return Object.entries(columns.attributes).map(([key, source]) => {
    const field = `attributes.${key}`;
    if (typeof source !== 'string' && source.latin1Holds !== undefined) return [field, null];
    const column = columnOf(options, typeof source === 'string' ? source : source.column);
    if (column === undefined) return [field, null];
    return [field, comparedAttribute(column, pg.escapeLiteral(key), { values, reader: options.reader })];
  });
}

/** Names of columns have no case in MySQL. */
const columnOf = ({ tableColumns }: RowOptions, wanted: string): TableColumn | undefined =>
  tableColumns.find(({ name }) => name.toLowerCase() === wanted.toLowerCase());

function sourceSql(pairs: readonly Pair[], { sourceDay }: ComparedTime): RowSql {
  const texts = pairs.map(({ source }) => `IFNULL(${source}, ${NOTHING})`).join(', ');
  const hash = `LEFT(MD5(CONCAT_WS(CHAR(31 USING utf8mb4), ${texts})), 15)`;
  return { day: sourceDay, hash, sum: `SUM(CAST(CONV(${hash}, 16, 10) AS UNSIGNED))` };
}

function targetSql(pairs: readonly Pair[], { targetDay }: ComparedTime): RowSql {
  const texts = pairs.map(({ target }) => `coalesce((${target})::text, ${NOTHING})`).join(', ');
  const hash = `left(md5(concat_ws(chr(31), ${texts})), 15)`;
  return { day: targetDay, hash, sum: `sum(('x' || ${hash})::bit(60)::bigint)` };
}
