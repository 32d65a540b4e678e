import type { LegacyTable } from '../../../records/legacy-tables.ts';
import type { ReconciledServer } from './at-server.ts';
import type { DaySpan } from './source-statements.ts';

/** A table whose vehicles are compared, and over which days; null: all. */
export interface TableSides {
  at: ReconciledServer;
  table: LegacyTable;
  days: DaySpan | null;
  reconciliationId: string;
}
