import { z } from 'zod';

/** MySQL identifiers we are ready to put into a command line or a statement. Anything else is refused with its name. */
export const IDENTIFIER = /^[A-Za-z0-9_]{1,64}$/;
const identifier = z.string().regex(IDENTIFIER);

/**
 * Which legacy column feeds which column of `positions`. `id` is the auto-increment key the watermark follows;
 * `vehicle` is absent where every vehicle has a table of its own. Columns under `attributes` land, by that name, in the
 * jsonb column `attributes`; columns of the table that are named nowhere are not carried over.
 */
export const columnMappingSchema = z.strictObject({
  id: identifier,
  vehicle: identifier.optional(),
  time: identifier,
  latitude: identifier,
  longitude: identifier,
  speedKmh: identifier.optional(),
  headingDeg: identifier.optional(),
  altitudeM: identifier.optional(),
  receivedAt: identifier.optional(),
  attributes: z.record(z.string().min(1), identifier).default({}),
});
export type ColumnMapping = z.infer<typeof columnMappingSchema>;

/** What happens to a value that is legal in MySQL and not, or not plainly, in PostgreSQL. */
export const valuePolicySchema = z.strictObject({
  /** A local time that the clocks skipped: `shift-forward` reads it with the offset before the gap. */
  dstGap: z.enum(['shift-forward', 'quarantine']).default('shift-forward'),
  /** (0, 0), where no bus drives. */
  nullIsland: z.enum(['flag', 'quarantine']).default('flag'),
  /** Later than the import by more than `futureToleranceMs`. */
  futureTime: z.enum(['flag', 'quarantine']).default('flag'),
  futureToleranceMs: z.number().int().nonnegative().default(86_400_000),
  /** NUL inside a text: PostgreSQL cannot store it. */
  nulInText: z.enum(['strip', 'quarantine']).default('strip'),
  /** Bytes that are no UTF-8: `replace` puts U+FFFD. */
  invalidUtf8: z.enum(['replace', 'quarantine']).default('replace'),
  /** Text columns that hold UTF-8 bytes under a latin1 label (mojibake such as `Ã©`) are mended. */
  mendDoubleEncoding: z.boolean().default(false),
  /** A row of the dump above this many bytes goes to quarantine instead of into memory. */
  maxRowBytes: z
    .number()
    .int()
    .positive()
    .default(64 * 1024 * 1024),
});
export type ValuePolicy = z.infer<typeof valuePolicySchema>;

/** How hard the legacy host may be worked; null means the setting of the same name under `legacy_sync.` applies. */
export const serverLimitsSchema = z.strictObject({
  /** Vehicles in flight at once, over all runs, workers and hosts. */
  maxConcurrentVehicles: z.number().int().positive().optional(),
  connectionPoolSize: z.number().int().positive().optional(),
  concurrentTransfers: z.number().int().positive().optional(),
  /** Read a vehicle although no index serves it (a scan of the whole table per vehicle). */
  allowTableScan: z.boolean().default(false),
  /** SHA-1 key exchange and host keys of hosts from before 2015. */
  legacyAlgorithms: z.boolean().default(false),
});

/** `file:/path` or `env:NAME`: where a secret lies. Never the secret. */
export const secretReferenceSchema = z.string().regex(/^(file:\/.+|env:[A-Z][A-Z0-9_]*)$/);

/** A row of `legacy_servers`. */
export const legacyServerSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535).default(22),
  user: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/),
  privateKeyRef: secretReferenceSchema,
  /** `SHA256:…` as printed by ssh-keygen -l; two while a host rotates its key. */
  hostKeyFingerprints: z.array(z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/)).min(1),
  mysqlHost: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]{1,255}$/)
    .default('127.0.0.1'),
  mysqlPort: z.number().int().min(1).max(65_535).default(3306),
  mysqlUser: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/),
  mysqlPasswordRef: secretReferenceSchema.nullable().default(null),
  database: identifier,
  /** IANA name: DATETIME columns carry no zone of their own. */
  timeZone: z.string().min(1),
  columns: columnMappingSchema,
  values: valuePolicySchema.prefault({}),
  limits: serverLimitsSchema.prefault({}),
  /** Where dumps are written on the legacy host; a leading ~/ is the login's home. */
  remoteDirectory: z
    .string()
    .regex(/^(~\/)?[A-Za-z0-9_./-]{1,200}$/)
    .default('~/.fleetgraph'),
});
export type LegacyServer = z.infer<typeof legacyServerSchema>;

/** A row of `vehicles`, as far as a sync needs it. Ids are decimal strings: bigint does not fit a number. */
export interface Vehicle {
  id: string;
  label: string;
  serverId: string;
  table: string;
  /** Value of the mapping's `vehicle` column; null where the table is the vehicle's own. */
  legacyVehicleId: string | null;
  priority: number;
  enabled: boolean;
  /** Highest legacy id whose row is in `positions` or in quarantine; "0" before the first sync. */
  watermark: string;
}
