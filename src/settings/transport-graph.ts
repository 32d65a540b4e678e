import { z } from 'zod';
import { isMappingSetting } from './odata-mapping.ts';
import { settingUnder } from './setting.ts';
import { isTimeZone } from './time-zone.ts';

const setting = settingUnder('transport_graph');

const count = z.number().int().positive();
const milliseconds = z.number().int().positive();
const percent = z.number().min(0).max(100);
const text = z.string().max(500);
/** Where a secret lies, never the secret; readSecret resolves it. */
const secretReference = z
  .string()
  .regex(/^(file:\/.+|env:[A-Z][A-Z0-9_]*)?$/)
  .meta({ description: '`file:/path`, `env:NAME` or empty' });
const address = z
  .string()
  .refine((value) => value === '' || isPlainAddress(value))
  .meta({ description: 'an http(s) address without user, password, query and fragment, or empty' });
const clockTimes = z
  .string()
  .regex(/^([01][0-9]|2[0-3]):[0-5][0-9](,([01][0-9]|2[0-3]):[0-5][0-9])*$/)
  .refine((value) => new Set(value.split(',')).size === value.split(',').length)
  .meta({ description: 'times of day as `HH:MM`, separated by commas, none twice' });

function isPlainAddress(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return plain && (url.protocol === 'http:' || url.protocol === 'https:');
}

/** Everything the transport-graph pipeline can be tuned with. docs/settings.md is generated from this. */
export const TRANSPORT_GRAPH_SETTINGS = {
  odataUrl: setting('odata.url', address, '', 'Root of the OData service; empty: there is no source yet.'),
  odataSource: setting(
    'odata.source',
    z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
      .meta({ description: 'lower-case letters, digits and dashes' }),
    'odata',
    'Name of the source in `datasets` and in the keys of backups.',
  ),
  odataUser: setting('odata.user', text, '', 'Login for Basic authentication; empty: none.'),
  odataPasswordRef: setting('odata.password_ref', secretReference, '', 'Where the password of that login lies.'),
  odataMapping: setting(
    'odata.mapping',
    z
      .string()
      .refine(isMappingSetting)
      .meta({ description: 'a mapping as JSON, `file:/path` of one, or empty: the default (docs/odata-mapping.md)' }),
    '',
    'Which sets and properties of the source feed stops, routes and flights.',
  ),
  odataTimeZone: setting(
    'odata.time_zone',
    z.string().refine(isTimeZone).meta({ description: 'an IANA time zone name' }),
    'Asia/Yakutsk',
    'Zone of the source’s times that carry no offset, as those of 1C.',
  ),
  odataPageSize: setting('odata.page_size', count.max(100_000), 1_000, 'Rows asked for in one request.'),
  odataMaxPages: setting('odata.max_pages', count, 2_000, 'Pages of one set above which the source is refused.'),
  odataMaxPageBytes: setting(
    'odata.max_page_bytes',
    count,
    67_108_864,
    'Size of one response above which it is refused, before it is parsed.',
  ),
  odataMaxTotalBytes: setting(
    'odata.max_total_bytes',
    count,
    268_435_456,
    'Size of all responses of one sync above which it is refused; they are held in memory.',
  ),
  odataRequestTimeoutMs: setting(
    'odata.request_timeout_ms',
    milliseconds,
    60_000,
    'Longest wait for one response, with its body.',
  ),
  odataRequestAttempts: setting(
    'odata.request_attempts',
    count.max(10),
    3,
    'Attempts of one request, for network errors, 429 and 5xx only.',
  ),
  odataRetryInitialMs: setting(
    'odata.retry_initial_ms',
    milliseconds,
    1_000,
    'Wait before the second attempt of a request; doubles, plus or minus up to a quarter at random.',
  ),
  odataRetryMaxMs: setting(
    'odata.retry_max_ms',
    milliseconds,
    30_000,
    'Longest such wait; a source that asks for a longer one (`Retry-After`) counts as unavailable.',
  ),
  batchSize: setting('sync.batch_size', count.max(100_000), 1_000, 'Rows sent to PostgreSQL at a time.'),
  shrinkPercent: setting(
    'sync.shrink_percent',
    percent,
    20,
    'A set that lost a larger share of its rows is held until an operator approves it; an empty one always is.',
  ),
  scheduleEnabled: setting('schedule.enabled', z.boolean(), true, 'Whether the schedule is created at all.'),
  scheduleIntervalMs: setting(
    'schedule.interval_ms',
    z.number().int().min(60_000),
    21_600_000,
    'How often the pipeline runs.',
  ),
  scheduleCatchUpMs: setting(
    'schedule.catch_up_ms',
    z.number().int().min(10_000),
    3_600_000,
    'A run that was missed, because Temporal was down, is made up for this long.',
  ),
  retryInitialMs: setting(
    'retry.initial_ms',
    milliseconds,
    60_000,
    'Wait before the second attempt of a stage; attempts and timeouts are in `pipeline_stages`.',
  ),
  retryCoefficient: setting(
    'retry.coefficient',
    z.number().min(1).max(100),
    5,
    'Each further wait is this much longer.',
  ),
  heartbeatTimeoutMs: setting(
    'retry.heartbeat_timeout_ms',
    z.number().int().min(10_000).max(600_000),
    30_000,
    'An attempt of a stage that gave no sign of life for this long is lost, as its worker is; the next one begins after the wait.',
  ),
  workerPatienceMs: setting(
    'retry.worker_patience_ms',
    milliseconds,
    60_000,
    'A stage of another program cannot run when that program has not taken it up for this long.',
  ),
  lostCheckMs: setting(
    'stages.lost_check_ms',
    milliseconds,
    30_000,
    'How often a worker looks whether a stage that is told to run was terminated, and records its end.',
  ),
  citiesFile: setting(
    'virtual.cities_file',
    z
      .string()
      .regex(/^(\/.+)?$/)
      .meta({ description: 'an absolute path, or empty' }),
    '',
    'A cities directory of your own on the worker; empty: the one that comes along.',
  ),
  strategy: setting(
    'virtual.strategy',
    z.enum(['hub', 'direct']),
    'hub',
    'hub: every city to the hub and back; direct: every city to every other.',
  ),
  hubCity: setting('virtual.hub_city', text.min(1), 'Якутск', 'Name of the hub in the cities directory.'),
  maxVirtualRoutes: setting(
    'virtual.max_routes',
    count,
    500,
    'Virtual routes above which none are generated, and the stage fails.',
  ),
  speedKmh: setting('virtual.speed_kmh', z.number().positive().max(1_000), 60, 'Speed on virtual routes.'),
  fareRub: setting('virtual.fare_rub', z.number().min(0).max(1_000_000), 1_000, 'Fare of a virtual route.'),
  transportType: setting('virtual.transport_type', text.min(1), 'BUS', 'Transport type of virtual routes.'),
  departures: setting(
    'virtual.departures',
    clockTimes,
    '08:00,16:00',
    'Departures of each day, in the departure city’s time.',
  ),
  seats: setting('virtual.seats', z.number().int().min(0).max(10_000), 50, 'Seats of a virtual flight.'),
  horizonDays: setting('virtual.horizon_days', count.max(3_660), 365, 'Days ahead for which virtual flights exist.'),
  graphShrinkPercent: setting(
    'graph.shrink_percent',
    percent,
    20,
    'A graph that lost a larger share of its nodes or edges than this is not activated.',
  ),
  graceMs: setting(
    'graph.grace_ms',
    z.number().int().nonnegative(),
    600_000,
    'How long a replaced graph stays readable at least; longer than the longest request.',
  ),
  versionsKept: setting(
    'graph.versions_kept',
    count.min(2).max(100),
    3,
    'Graph versions kept in Redis, the active one included.',
  ),
  loadBatch: setting('graph.load_batch', count.max(10_000), 500, 'Keys written to Redis by one command.'),
  buildLeaseMs: setting(
    'graph.build_lease_ms',
    milliseconds,
    60_000,
    'A build that gave no sign of life for this long is dead; what it wrote is removed.',
  ),
  refillCheckMs: setting(
    'graph.refill_check_ms',
    milliseconds,
    15_000,
    'How often a worker looks whether Redis still has the active graph, and refills it.',
  ),
  keyTag: setting(
    'graph.key_tag',
    z.boolean(),
    false,
    'true: `graph:{version}:…` with literal braces, so that Redis Cluster keeps a version on one node.',
  ),
  allowEviction: setting(
    'graph.allow_eviction',
    z.boolean(),
    false,
    'true: build although Redis may evict the live graph (`allkeys-*`); shows as degraded.',
  ),
  backupEnabled: setting('backup.enabled', z.boolean(), false, 'Whether datasets and graphs are backed up.'),
  backupEndpoint: setting(
    'backup.endpoint',
    address,
    '',
    'Address of the S3-compatible store; empty: Amazon’s, by its region.',
  ),
  backupRegion: setting('backup.region', text.min(1), 'us-east-1', 'Region of the store.'),
  backupBucket: setting(
    'backup.bucket',
    z
      .string()
      .regex(/^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$/)
      .meta({ description: 'a bucket name, or empty' }),
    '',
    'Bucket of the backups.',
  ),
  backupPrefix: setting(
    'backup.prefix',
    z
      .string()
      .regex(/^([A-Za-z0-9._-]+\/)*$/)
      .meta({ description: 'a prefix that ends with `/`, or empty' }),
    '',
    'Put before every key.',
  ),
  backupAccessKeyRef: setting('backup.access_key_ref', secretReference, '', 'Where the access key id lies.'),
  backupSecretKeyRef: setting('backup.secret_key_ref', secretReference, '', 'Where the secret access key lies.'),
  backupPathStyle: setting(
    'backup.path_style',
    z.boolean(),
    true,
    'Bucket in the path, as stores outside Amazon want it.',
  ),
  backupTimeoutMs: setting('backup.timeout_ms', milliseconds, 60_000, 'Longest upload of one backup.'),
  backupSweepMs: setting('backup.sweep_ms', milliseconds, 300_000, 'How often a worker tries failed backups again.'),
  alertWebhook: setting(
    'alert.webhook',
    z
      .string()
      .refine((value) => value === '' || /^(file:\/.+|env:[A-Z][A-Z0-9_]*)$/.test(value) || isPlainAddress(value))
      .meta({ description: 'an http(s) address, `file:/path` or `env:NAME` of one that is a secret, or empty' }),
    '',
    'Alerts are posted there as JSON.',
  ),
  alertEmailTo: setting('alert.email_to', text, '', 'Alerts are mailed there; several addresses with commas.'),
  alertEmailFrom: setting('alert.email_from', text, 'fleetgraph@localhost', 'Sender of these mails.'),
  smtpHost: setting('alert.smtp_host', text, '', 'Mail server; empty: no mail.'),
  smtpPort: setting('alert.smtp_port', count.max(65_535), 587, 'Its port.'),
  smtpSecurity: setting(
    'alert.smtp_security',
    z.enum(['starttls', 'tls', 'none']),
    'starttls',
    'How the connection to it is encrypted.',
  ),
  smtpUser: setting('alert.smtp_user', text, '', 'Login there; empty: none.'),
  smtpPasswordRef: setting('alert.smtp_password_ref', secretReference, '', 'Where the password of that login lies.'),
  alertTimeoutMs: setting(
    'alert.timeout_ms',
    milliseconds.max(30_000),
    10_000,
    'Longest wait for webhook or mail server.',
  ),
} as const;

export type TransportGraphSettings = {
  [K in keyof typeof TRANSPORT_GRAPH_SETTINGS]: z.infer<(typeof TRANSPORT_GRAPH_SETTINGS)[K]['schema']>;
};
