import { z } from 'zod';
import { settingUnder } from './setting.ts';

const setting = settingUnder('legacy_sync');
const count = z.number().int().positive();
const milliseconds = z.number().int().positive();
const bytes = z.number().int().positive();

/** Everything a fleet sync can be tuned with. docs/settings.md is generated from this; `fleetgraph migrate` adds missing rows. */
export const LEGACY_SYNC_SETTINGS = {
  poolEnabled: setting('worker_pool.enabled', z.boolean(), true, 'false: the same run with one worker slot.'),
  maxWorkers: setting(
    'worker_pool.max_workers',
    count.max(1000),
    3,
    'Worker slots of a run; changing it reaches a running sync within seconds.',
  ),
  workerTimeoutMs: setting(
    'worker_pool.worker_timeout_ms',
    milliseconds,
    600_000,
    'Longest work on one vehicle in a run; queueing does not count. What was committed by then stays.',
  ),
  retryAttempts: setting(
    'worker_pool.retry_attempts',
    z.number().int().nonnegative(),
    2,
    'Retries after the first attempt, for failures of the work only; a committed range starts the count again.',
  ),
  retryInitialMs: setting(
    'worker_pool.retry_initial_ms',
    milliseconds,
    1_000,
    'Wait before the first retry; doubles with each, plus or minus up to a quarter at random.',
  ),
  retryMaxMs: setting('worker_pool.retry_max_ms', milliseconds, 60_000, 'Longest wait between two attempts.'),
  leaseMs: setting(
    'worker_pool.lease_ms',
    milliseconds,
    60_000,
    'How long a claim holds without a sign of life before it is checked against Temporal.',
  ),
  permitLeaseMs: setting(
    'worker_pool.permit_lease_ms',
    milliseconds,
    10_000,
    'How long a killed worker process still counts as holding its connections and transfers; renewed every third of it.',
  ),
  ageingMs: setting(
    'worker_pool.ageing_ms',
    milliseconds,
    86_400_000,
    'A vehicle’s priority rises by one for each such time since its last sync, so that none is passed over for ever.',
  ),
  claimPollMs: setting('worker_pool.claim_poll_ms', milliseconds, 1_000, 'How often a waiting slot asks again.'),
  maxMemoryMb: setting(
    'resource_limits.max_memory_mb',
    count,
    1024,
    'Memory of a worker process above which it starts no further vehicle until it falls.',
  ),
  maxCpuPercent: setting(
    'resource_limits.max_cpu_percent',
    z.number().positive().max(100),
    100,
    'CPU use of the machine above which a worker process starts no further vehicle until it falls; 100: no limit.',
  ),
  connectionPoolSize: setting(
    'ssh.connection_pool_size',
    count,
    5,
    'SSH connections to one legacy server, over all worker processes and runs.',
  ),
  sessionsPerConnection: setting(
    'ssh.sessions_per_connection',
    count.max(64),
    8,
    'Sessions on one SSH connection; below MaxSessions of the host (OpenSSH: 10).',
  ),
  connectTimeoutMs: setting(
    'ssh.connect_timeout_ms',
    milliseconds,
    20_000,
    'Longest wait for TCP, handshake and login.',
  ),
  keepaliveMs: setting(
    'ssh.keepalive_ms',
    milliseconds,
    5_000,
    'A connection that answers none of three keepalives this far apart is dead.',
  ),
  idleProbeMs: setting('ssh.idle_probe_ms', milliseconds, 30_000, 'An idle connection is probed this often.'),
  idleCloseMs: setting('ssh.idle_close_ms', milliseconds, 120_000, 'An idle connection is closed after this long.'),
  maxConcurrentVehicles: setting(
    'server.max_concurrent_vehicles',
    count,
    8,
    'Vehicles in flight at one legacy server, over all runs; a server may have its own limit.',
  ),
  breakerFailures: setting(
    'server.breaker_failures',
    count,
    5,
    'Infrastructure failures in a row that open the circuit of a legacy server.',
  ),
  breakerOpenMs: setting(
    'server.breaker_open_ms',
    milliseconds,
    30_000,
    'First pause of an open circuit; doubles with each failed probe.',
  ),
  breakerOpenMaxMs: setting('server.breaker_open_max_ms', milliseconds, 600_000, 'Longest pause of an open circuit.'),
  concurrentTransfers: setting(
    'transfer.concurrent_limit',
    count,
    3,
    'Transfers from one legacy server at once, over all worker processes and runs.',
  ),
  transferMethod: setting(
    'transfer.method',
    z.enum(['exec', 'sftp', 'scp']),
    'exec',
    'exec (cat over the pooled session, resumable), sftp (resumable) or scp (the OpenSSH client, starts over).',
  ),
  atOnceBytes: setting(
    'transfer.at_once_bytes',
    z.number().int().nonnegative(),
    1_048_576,
    'A compressed dump up to this size comes over the session that makes it and is imported from memory, without a file on either side; method exec only, 0: none.',
  ),
  stallBytesPerSecond: setting(
    'transfer.stall_bytes_per_second',
    bytes,
    1_024,
    'A transfer slower than this for stall_ms is given up and tried again.',
  ),
  stallMs: setting('transfer.stall_ms', milliseconds, 30_000, 'See stall_bytes_per_second.'),
  rangeRows: setting(
    'export.range_rows',
    count,
    200_000,
    'Rows per range: what one transaction imports, and what a crash repeats.',
  ),
  planCountCap: setting(
    'export.plan_count_cap',
    count,
    1_000_000,
    'Planning counts a vehicle’s new rows up to this many.',
  ),
  overlapIds: setting(
    'export.overlap_ids',
    z.number().int().nonnegative(),
    5_000,
    'Ids at and below the watermark that every delta reads again, for transactions that committed late.',
  ),
  exportTimeoutMs: setting(
    'export.timeout_ms',
    milliseconds,
    900_000,
    'The legacy host ends a dump that takes longer.',
  ),
  niceness: setting(
    'export.niceness',
    z.number().int().min(0).max(19),
    19,
    'nice level of everything we run on the legacy host.',
  ),
  compression: setting(
    'export.compression',
    z.enum(['auto', 'zstd', 'gzip', 'none']),
    'auto',
    'auto: the best tool the legacy host has.',
  ),
  minFreeBytes: setting(
    'export.min_free_bytes',
    z.number().int().nonnegative(),
    104_857_600,
    'Free disk space that an export leaves on the legacy host, and a transfer on the worker.',
  ),
  quarantineMaxPercent: setting(
    'quarantine.max_percent',
    z.number().min(0).max(100),
    1,
    'A range with a larger share of bad rows fails its vehicle …',
  ),
  quarantineMinRows: setting(
    'quarantine.min_rows',
    z.number().int().nonnegative(),
    20,
    '… when it has at least this many bad rows.',
  ),
  databasePoolSize: setting(
    'database.pool_size',
    count,
    5,
    'PostgreSQL connections of one worker process for imports.',
  ),
  orphanAfterMs: setting(
    'cleanup.orphan_after_ms',
    milliseconds,
    900_000,
    'Files of ours that nobody alive owns are removed when they are older than this.',
  ),
  janitorIntervalMs: setting(
    'cleanup.interval_ms',
    milliseconds,
    30_000,
    'How often a worker process looks for lost claims and orphaned files.',
  ),
} as const;

export type LegacySyncSettings = {
  [K in keyof typeof LEGACY_SYNC_SETTINGS]: (typeof LEGACY_SYNC_SETTINGS)[K]['default'];
};
