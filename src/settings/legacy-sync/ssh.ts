import { count, milliseconds, setting } from './setting-kinds.ts';

/** Connections and sessions at a legacy server. */
export const SSH_SETTINGS = {
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
} as const;
