import type { TableColumn } from '../../../records/legacy-tables.ts';

export const INTEGERS = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'];
/** Types whose values are compared as they are shown. */
const TOLD_BY = [...INTEGERS, 'char', 'varchar'];

const isOfType = (types: string[], columns: readonly TableColumn[], column: string | undefined): boolean =>
  columns.some(({ name, dataType }) => name.toLowerCase() === column?.toLowerCase() && types.includes(dataType));

/** Whether the rows of a table's vehicles can be told apart by what this column shows, without asking MySQL whose each is. */
export const tellsVehicles = (columns: readonly TableColumn[], column: string | undefined): boolean =>
  isOfType(TOLD_BY, columns, column);

export const isIntegerColumn = (columns: readonly TableColumn[], column: string | undefined): boolean =>
  isOfType(INTEGERS, columns, column);
