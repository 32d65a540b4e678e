import { z } from 'zod';
import { columnMappingSchema } from './column-mapping.ts';
import { isQuietHours } from './quiet-hours.ts';
import { identifierSchema } from './mysql-identifier.ts';

/** What happens to a value that is legal in MySQL and not, or not plainly, in PostgreSQL. */
export const valuePolicySchema = z.strictObject({
  /** A local time that the clocks skipped: `shift-forward` reads it with the offset before the gap. */
  dstGap: z.enum(['shift-forward', 'quarantine']).default('shift-forward'),
  /** (0, 0), where no bus drives. */
  nullIsland: z.enum(['flag', 'quarantine']).default('flag'),
  /** Rows without coordinates, and those at (0, 0) where these go to quarantine: kept there whole, or `skip`, which counts them and keeps nothing. */
  withoutFix: z.enum(['quarantine', 'skip']).default('quarantine'),
  /**
   * Rows without coordinates, and those at (0, 0) where these go to quarantine, fail a range above this share alone. Without it they
   * count as bad rows under `legacy_sync.quarantine.max_percent`, which is meant for what should not be there.
   */
  withoutFixMaxPercent: z.number().min(0).max(100).optional(),
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
  dumpsPerSecond: z.number().nonnegative().optional(),
  rowsPerSecond: z.number().nonnegative().optional(),
  bytesPerSecond: z.number().nonnegative().optional(),
  quietHours: z.string().refine(isQuietHours, 'is none of the form 07:00-09:00 Europe/Belgrade, …').optional(),
  /** Read a vehicle although no index serves it (a scan of the whole table per vehicle). */
  allowTableScan: z.boolean().default(false),
  /** SHA-1 key exchange and host keys of hosts from before 2015. */
  legacyAlgorithms: z.boolean().default(false),
});

/** `file:/path` or `env:NAME`: where a secret lies. Never the secret. */
export const secretReferenceSchema = z.string().regex(/^(file:\/.+|env:[A-Z][A-Z0-9_]*)$/);

/** A name or an address. A leading hyphen would be an option to scp or to a client of MySQL. */
const hostName = z
  .string()
  .regex(
    /^[\p{L}\p{N}_:][\p{L}\p{N}_.:%-]{0,254}$/u,
    'is no host name or address, which has no blanks and no hyphen first',
  );
const login = z
  .string()
  .regex(/^(?!-)[A-Za-z0-9_.-]{1,64}$/, 'is no login, which has letters, digits, _ . - and no hyphen first');

/** What a script of ours may make, list and remove in: a folder of its own, named from the root or from the login's home. */
export const REMOTE_DIRECTORY =
  /^(?=.{1,200}$)(?:~\/|\/)(?!\.{1,2}(?:\/|$))[A-Za-z0-9_.-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9_.-]+)*\/?$/;

/** A row of `legacy_servers`. */
export const legacyServerSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  host: hostName,
  port: z.number().int().min(1).max(65_535).default(22),
  user: login,
  privateKeyRef: secretReferenceSchema,
  /** `SHA256:…` as printed by ssh-keygen -l; two while a host rotates its key. */
  hostKeyFingerprints: z.array(z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/)).min(1),
  mysqlHost: hostName.default('127.0.0.1'),
  mysqlPort: z.number().int().min(1).max(65_535).default(3306),
  mysqlUser: login,
  mysqlPasswordRef: secretReferenceSchema.nullable().default(null),
  /** TLS between the client on the legacy host and MySQL; null leaves it to them. `ca:` names a file on that host. */
  mysqlTls: z
    .string()
    .regex(/^(off|required|ca:\/[A-Za-z0-9_./-]{1,200})$/, 'is off, required or ca:/path of a CA certificate there')
    .nullable()
    .default(null),
  database: identifierSchema,
  /** IANA name: DATETIME columns carry no zone of their own. */
  timeZone: z.string().min(1),
  columns: columnMappingSchema,
  values: valuePolicySchema.prefault({}),
  limits: serverLimitsSchema.prefault({}),
  /** Where dumps are written on the legacy host; a leading ~/ is the login's home. */
  remoteDirectory: z
    .string()
    .regex(
      REMOTE_DIRECTORY,
      'must be a folder below / or ~/, such as ~/.fleetgraph or /var/tmp/dumps, without . or .. as a part, of letters, digits, _ . - alone',
    )
    .default('~/.fleetgraph'),
});
export type LegacyServer = z.infer<typeof legacyServerSchema>;

/** The way to a server, before it is known what its tables are. */
export const serverAddressSchema = legacyServerSchema.omit({ database: true, timeZone: true, columns: true });
export type ServerAddress = z.infer<typeof serverAddressSchema>;

/** A row of `vehicles`, as far as a sync needs it. Ids are decimal strings: bigint does not fit a number. */
export interface Vehicle {
  id: string;
  label: string;
  serverId: string;
  table: string;
  /** Value of the mapping's `vehicle` column; null where the table is the vehicle's own. */
  legacyVehicleId: string | null;
  /** The vehicle whose rows in another table these are: its id. null for a vehicle that is none of another. */
  partOf: string | null;
  priority: number;
  enabled: boolean;
  /** Highest legacy id whose row is in `positions` or in quarantine; "0" before the first sync. */
  watermark: string;
}
