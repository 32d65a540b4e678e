import type { Logger } from 'pino';
import type { ConnectionPermits } from './connection-permits.ts';
import { connectionSet } from './connection-set.ts';
import { ownConnections } from './own-connections.ts';
import type { RemoteShell } from './remote-shell.ts';
import { sessionLease } from './session-lease.ts';
import { type SessionOptions, sessionPlaces } from './session-places.ts';
import { sessionQueue } from './session-queue.ts';
import { sessionShell } from './session-shell.ts';
import type { SshPoolLimits, SshTarget } from './ssh-target.ts';

export interface SshPool {
  /**
   * Lends a session to `fn` until it settles. `onQueued(true)` is called when the request has to wait, `onQueued(false)` when the wait is over.
   * Errors: SshUnreachable, SshAuthRejected, HostKeyMismatch, SecretUnavailable, the signal's reason, and what `fn` throws.
   */
  withSession<T>(fn: (session: RemoteShell) => Promise<T>, options?: SessionOptions): Promise<T>;
  /** Takes one of the server's connection places while `fn` opens a connection of its own (the scp client). Errors: the signal's reason, and what `fn` throws. */
  withOwnConnection<T>(fn: () => Promise<T>, options?: { signal?: AbortSignal | undefined }): Promise<T>;
  stats(): SshPoolStats;
  /** Ends all connections and gives their permits back; requests that wait fail with SshConnectionLost. */
  close(): Promise<void>;
}

export interface SshPoolStats {
  connections: number;
  sessions: number;
  /** Sessions lent per connection. */
  spread: number[];
  waiting: number;
  opened: number;
  lost: number;
  refusedSessions: number;
}

export interface SshPoolParts {
  target: SshTarget;
  limits: SshPoolLimits;
  permits: ConnectionPermits;
  logger: Logger;
}

/** This process's sessions at one legacy server. They use as few connections as suffice, and never more than limits and permits allow. */
export function createSshPool(parts: SshPoolParts): SshPool {
  const { target, limits, permits } = parts;
  const where = `${target.host}:${target.port} (${target.id})`;
  const queue = sessionQueue();
  const serve = () => places.serve();
  const connections = connectionSet({ ...parts, onChange: serve, onStranded: queue.refuseAll });
  const own = ownConnections({ connections, limits, permits, onChange: serve });
  const places = sessionPlaces({ ...parts, queue, connections, ownConnections: own.count });

  return {
    withSession: async (fn, options = {}) => {
      const { takeBack } = connections;
      const { refused } = places;
      const lease = sessionLease({ where, place: (ahead) => places.take(options, ahead), takeBack, refused });
      await lease.take();
      try {
        return await fn(sessionShell(lease, where));
      } finally {
        lease.giveBack();
      }
    },
    withOwnConnection: own.use,
    stats: () => {
      const spread = connections.list().map((member) => member.sessions);
      const sessions = spread.reduce((sum, count) => sum + count, 0);
      const refusedSessions = places.refusals();
      return {
        connections: spread.length,
        sessions,
        spread,
        waiting: queue.length,
        ...connections.counts,
        refusedSessions,
      };
    },
    close: async () => {
      places.close();
      await connections.close();
    },
  };
}
