/** What is asked of a server that nobody has configured yet. `server` is its address; secrets are references to where they lie. */
export interface InspectionInput {
  server: Record<string, unknown>;
  /** Look into this database only. */
  database?: string | undefined;
  /** Propose this table, whatever else looks like positions. */
  table?: string | undefined;
  /** IANA name; without one the host is asked. */
  timeZone?: string | undefined;
}

/** A group of tables that look like positions. */
export interface CandidateTables {
  database: string;
  system: string;
  layout: string;
  table: string;
  tables: number;
  engine: string;
  estimatedRows: number | null;
  /** Absent in the result of an earlier build. */
  columns?: string[];
  indexes?: string[];
}

export interface InspectionResult {
  /** `compare-host-key`: no fingerprint was given, so that nothing was sent but the question for it. */
  outcome: 'inspected' | 'compare-host-key' | 'failed';
  steps: string[];
  /** What the host showed; null where a fingerprint was given. */
  hostKey: string | null;
  failure: { code: string; message: string } | null;
  found: CandidateTables[];
  /** Groups beyond those of `found`. */
  more: number;
  proposal: {
    tables: CandidateTables;
    /** What PUT and POST of servers take; null where a column that every sync needs was not found. */
    server: Record<string, unknown> | null;
    rows: Record<string, unknown>[];
    told: string[];
    unsure: string[];
    hurts: string[];
  } | null;
}

export interface DiscoveryInput {
  serverId: string;
  /** Look into this table only. */
  table?: string | undefined;
  /** Whether those that are new are added, or only told. */
  add: boolean;
  actor: string;
  reason: string;
}

export interface DiscoveredVehicle {
  label: string;
  table: string;
  legacyVehicleId: string | null;
}

export interface DiscoveryResult {
  failure: { code: string; message: string } | null;
  /** Vehicles that the server has rows of. */
  vehicles: number;
  /** Of these, the ones that were not known: the first some, and all of them as a number. */
  fresh: DiscoveredVehicle[];
  freshCount: number;
  /** Known vehicles whose key or table occurs nowhere; none where only one table was looked into. */
  missing: (DiscoveredVehicle & { id: string })[];
  missingCount: number;
  /** Keys and tables that hold what no statement of ours may, as JSON. */
  skipped: string[];
  added: number;
}
