import type { TableColumn } from '../../../records/legacy-tables.ts';
import { type ColumnMapping, mappedColumns } from '../../../settings/column-mapping.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { NUMBER_FIELD_NAMES } from '../../../settings/position-columns.ts';

/** What makes the rows of an export: mysqldump, or a SELECT of these columns through the client. */
export type RowReader = { kind: 'mysqldump' } | { kind: 'select'; columns: readonly TableColumn[] };

export interface ReadTable {
  /** As information_schema has it; `-` for a view, null where it is not known. */
  engine: string | null;
  columns: readonly TableColumn[];
}

/** Of these mysqldump writes no row, and ends with 0. */
const UNDUMPABLE = /^(-|mrg_myisam|federated)$/i;

export const isDumpable = (engine: string | null): boolean => engine === null || !UNDUMPABLE.test(engine);

/** FLOAT(10,6) prints its six decimals; of a plain FLOAT MySQL prints six digits in all. */
export const isRounded = ({ dataType, columnType }: Pick<TableColumn, 'dataType' | 'columnType'>): boolean =>
  dataType === 'float' && !columnType.includes('(');

/** Six digits of these are finer than any receiver measures, and a SELECT costs the host and the worker twice as much as a dump. */
const SIX_DIGITS_WILL_DO = new Set<string>(NUMBER_FIELD_NAMES);

/** How a table is read; `auto` reads by mysqldump whatever mysqldump reads without a loss that matters. */
export function chooseReader(
  setting: LegacySyncSettings['reader'],
  { engine, columns }: ReadTable,
  mapping: ColumnMapping,
): RowReader {
  const select: RowReader = { kind: 'select', columns };
  // An id that no column holds is made by the query.
  if (typeof mapping.id !== 'string') return select;
  if (columns.length === 0 || setting === 'mysqldump') return { kind: 'mysqldump' };
  if (setting === 'select' || !isDumpable(engine)) return select;
  const exact = mappedColumns(mapping).filter(({ field }) => !SIX_DIGITS_WILL_DO.has(field));
  const names = new Set(exact.map(({ column }) => column.toLowerCase()));
  const rounded = columns.some((column) => isRounded(column) && names.has(column.name.toLowerCase()));
  return rounded ? select : { kind: 'mysqldump' };
}
