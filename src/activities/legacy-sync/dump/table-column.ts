/** A column of a legacy table as information_schema describes it; an element of legacy_tables.columns. */
export interface TableColumn {
  name: string;
  dataType: string;
  columnType: string;
  nullable: boolean;
}
