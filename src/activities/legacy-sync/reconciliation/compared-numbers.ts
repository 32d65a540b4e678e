import type { TableColumn } from '../../../records/legacy-tables.ts';
import type { NumberSource } from '../../../settings/column-mapping.ts';
import { name } from '../../../settings/mysql-identifier.ts';
import { isRounded, type RowReader } from '../legacy-host/choose-reader.ts';

const WHOLE = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'year'];
const TEXTS = ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'];

/** SQL by which MySQL reads a number column as the double that an import would make of it, or why it cannot. */
export function sourceNumber(
  source: NumberSource,
  column: TableColumn,
  { unit = 1, reader }: { unit?: number; reader: RowReader['kind'] },
): string | null {
  const plain = plainNumber(column, { decimalComma: typeof source !== 'string' && source.decimalComma, reader });
  if (plain === null || typeof source === 'string') return plain;
  return scaled(plain, source.factor * unit);
}

function plainNumber(
  column: TableColumn,
  { decimalComma, reader }: { decimalComma: boolean; reader: RowReader['kind'] },
): string | null {
  const value = name(column.name);
  if (WHOLE.includes(column.dataType) || column.dataType === 'decimal') return `${value} + 0e0`;
  // DOUBLE(10,2) is dumped with two decimals.
  if (column.dataType === 'double') return column.columnType.includes('(') ? `CONCAT(${value}) + 0e0` : value;
  if (column.dataType === 'float') return floatValue(column, reader);
  if (!TEXTS.includes(column.dataType)) return null;
  const text = decimalComma ? `REPLACE(${value}, ',', '.')` : value;
  return `IF(TRIM(${value}) = '', NULL, ${text} + 0e0)`;
}

/** Whether of this column, unscaled, six digits arrive: what they are follows from the FLOAT itself. */
export const arrivesRounded = (
  source: NumberSource,
  column: TableColumn,
  { unit = 1, reader }: { unit?: number; reader: RowReader['kind'] },
): boolean => reader === 'mysqldump' && isRounded(column) && (typeof source === 'string' || source.factor * unit === 1);

/** mysqldump prints six digits of a FLOAT, and a SELECT of ours all of them: a row is compared as the reader in force reads it. */
function floatValue(column: TableColumn, reader: RowReader['kind']): string {
  const value = name(column.name);
  return reader === 'select' || !(isRounded(column) || column.columnType.includes('('))
    ? `${value} + 0e0`
    : `CONCAT(${value}) + 0e0`;
}

/** The same quotient or product as the converter's: both are the nearest double. */
function scaled(value: string, factor: number): string {
  if (factor === 1) return value;
  const divisor = Math.round(1 / factor);
  if (divisor > 1 && 1 / divisor === factor) return `(${value}) / ${double(divisor)}`;
  return `(${value}) * ${double(factor)}`;
}

const double = (value: number): string => (String(value).includes('e') ? String(value) : `${value}e0`);

/**
 * SQL of a double as both databases print it: by the shortest digits that are this double. From 1e15 on they do not agree which these are: such
 * numbers, which no measurement is, are divided first.
 */
export const sourceDigits = (value: string): string =>
  `CONCAT(IF(ABS(${value}) >= 1e15, IF(ABS(${value}) < 1e30, (${value}) / 1e15, (${value}) / 1e300), ${value}))`;

/** The same of a coordinate, which is never so large. */
export const sourceDegrees = (value: string): string => `CONCAT(${value})`;

export const targetDigits = (value: string): string =>
  `CASE WHEN ${value} = 0 OR abs(${value}) >= 0.0001 AND abs(${value}) < 1e15 THEN ${value}::text ` +
  `WHEN abs(${value}) < 1e15 THEN ${small(value)} WHEN abs(${value}) < 1e30 THEN (${value} / 1e15)::text ELSE ${small(`(${value} / 1e300)`)} END`;

/** Below 1e-4 PostgreSQL prints an exponent, and MySQL none before 1e-15. */
const small = (value: string): string =>
  `(CASE WHEN abs(${value}) < 1e-15 OR abs(${value}) >= 0.0001 THEN ${value}::text ELSE ${value}::text::numeric::text END)`;
