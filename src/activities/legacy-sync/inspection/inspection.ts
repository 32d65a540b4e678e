import type { LegacySystem, TableLayout } from '../../../legacy-inspection/table-layout.ts';
import type { LegacyServerInput } from '../../../records/legacy-servers.ts';
import type { MappingProposal } from '../../../legacy-inspection/propose-mapping.ts';
import type { ServerAddress } from '../../../settings/legacy-server.ts';

export interface InspectionRequest {
  server: ServerAddress;
  /** Look into this database only. */
  database?: string | undefined;
  /** Propose this table, whatever else looks like positions. */
  table?: string | undefined;
  /** IANA name; without one the host is asked. */
  timeZone?: string | undefined;
}

/** A group of tables that look like positions. */
export interface FoundTables {
  database: string;
  system: LegacySystem;
  layout: TableLayout['layout'];
  /** The largest, and how many are like it. */
  table: string;
  tables: number;
  engine: string;
  /** From the server's statistics; null: it has none. */
  estimatedRows: number | null;
  /** Of the largest, as `latitude double`. */
  columns: string[];
  /** Of the largest, as `PRIMARY (id), unique`. */
  indexes: string[];
}

export interface Inspection {
  /** Each step of the way there, when it was done. */
  steps: string[];
  /** Known systems first, then by size. */
  found: FoundTables[];
  /** The first of them, or the one that was asked for; null where nothing looks like positions. */
  proposal: {
    tables: FoundTables;
    /** For `servers put`; null where a column that every sync needs was not found. */
    server: LegacyServerInput | null;
    /** Five rows as they would arrive, one object each. */
    rows: Record<string, unknown>[];
    told: string[];
    unsure: string[];
    hurts: string[];
  } | null;
}

/** A group of tables with the mapping that their names and columns suggest. */
export interface Candidate {
  database: string;
  proposal: MappingProposal;
}
