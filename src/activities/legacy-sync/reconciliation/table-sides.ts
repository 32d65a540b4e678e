import type { LegacyTable, TableSpan } from '../../../records/legacy-tables.ts';
import type { ReconciledServer } from './at-server.ts';
import type { DaySpan } from './source-statements.ts';

/** A table whose vehicles are compared, and over which days; null: all. */
export interface TableSides {
  at: ReconciledServer;
  table: LegacyTable;
  /** Where its rows lie, when an index leads to their ids. */
  span: TableSpan | undefined;
  days: DaySpan | null;
  reconciliationId: string;
}
