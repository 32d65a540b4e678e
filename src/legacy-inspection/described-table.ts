/** A table as information_schema describes it: statistics and names, no row of it. */
export interface DescribedTable {
  name: string;
  /** null for a view. */
  engine: string | null;
  isView: boolean;
  /** From the statistics; null where there are none. */
  estimatedRows: number | null;
  columns: DescribedColumn[];
  /** Columns of each index in their order, the primary key among them. */
  indexes: { name: string; unique: boolean; columns: string[] }[];
}

/** A column of a legacy table as information_schema describes it. */
export interface DescribedColumn {
  name: string;
  /** As information_schema's data_type: `double`. */
  dataType: string;
  /** As its column_type: `float(10,6)`. */
  columnType: string;
}

const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** Names of columns have no case in MySQL. */
export function columnNamed({ columns }: DescribedTable, name: string): DescribedColumn | undefined {
  return columns.find((column) => same(column.name, name));
}

/** Whether an index begins with these columns, in their order. */
export function indexLeads({ indexes }: DescribedTable, ...leading: string[]): boolean {
  return indexes.some(({ columns }) =>
    leading.every((name, at) => columns[at] !== undefined && same(columns[at]!, name)),
  );
}
