import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Failure } from '../../errors.ts';
import type { ConnectionPermit, ConnectionPermits } from './connection-permits.ts';
import { connectionSet } from './connection-set.ts';
import { learnedSessionLimit } from './learned-session-limit.ts';
import type { PooledConnection } from './pooled-connection.ts';
import type { RemoteShell } from './remote-shell.ts';
import { sessionLease } from './session-lease.ts';
import { sessionQueue } from './session-queue.ts';
import { sessionShell } from './session-shell.ts';
import type { SshPoolLimits, SshTarget } from './ssh-target.ts';

export interface SshPool {
  /**
   * Lends a session; it is given back when `fn` settles. `onQueued(true)` is told when it has to wait, `onQueued(false)` when that is over.
   * Errors: SshUnreachable, SshAuthRejected, HostKeyMismatch, SecretUnavailable, the signal's reason, and what `fn` throws.
   */
  withSession<T>(fn: (session: RemoteShell) => Promise<T>, options?: SessionOptions): Promise<T>;
  /** Holds one of the server's connection places while `fn` connects by itself (the scp client). Errors: the signal's reason, and what `fn` throws. */
  withOwnConnection<T>(fn: () => Promise<T>, options?: { signal?: AbortSignal | undefined }): Promise<T>;
  stats(): SshPoolStats;
  /** Ends all connections and gives their permits back; whoever waits is told SshConnectionLost. */
  close(): Promise<void>;
}

export interface SessionOptions {
  signal?: AbortSignal | undefined;
  onQueued?: ((waiting: boolean) => void) | undefined;
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

/** The sessions of this process at one legacy server, spread over as few or as many connections as limits and permits allow. */
export function createSshPool(
  target: SshTarget,
  limits: SshPoolLimits,
  permits: ConnectionPermits,
  logger: Logger,
): SshPool {
  const where = `${target.host}:${target.port} (${target.id})`;
  const queue = sessionQueue();
  const learned = learnedSessionLimit();
  const connections = connectionSet({ target, limits, permits, logger, onChange: serve, onStranded: queue.refuseAll });
  const own = ownConnections(connections, limits, permits, serve);
  let refusedSessions = 0;
  let closing = false;

  const lend = () => connections.lend(learned.current(limits.sessionsPerConnection()));

  /** Hands out sessions as long as there are both takers and places, then looks whether another connection is due. */
  function serve(): void {
    while (queue.length > 0) {
      const member = lend();
      if (member === null) break;
      queue.grantNext(member);
    }
    connections.adjust({ limit: limits.connections() - own.count(), waiting: queue.length });
  }

  async function place({ signal, onQueued }: SessionOptions, ahead: boolean): Promise<PooledConnection> {
    signal?.throwIfAborted();
    if (closing) throw closed(target);
    const free = queue.length === 0 || ahead ? lend() : null;
    if (free !== null) {
      serve();
      return free;
    }
    onQueued?.(true);
    const granted = queue.wait(signal, ahead, serve);
    serve();
    try {
      return await granted;
    } finally {
      onQueued?.(false);
    }
  }

  function refused(member: PooledConnection): void {
    refusedSessions += 1;
    if (member.channels > 0) learned.refusedAt(member.channels);
    // A host detaches a session late when its child lives on, and such a connection may stay full: build a new one.
    member.draining = true;
    logger.info({ server: target.id, open: member.channels }, 'ssh session refused; the request is queued again');
  }

  return {
    withSession: async (fn, options = {}) => {
      const { takeBack } = connections;
      const lease = sessionLease({ where, place: (ahead) => place(options, ahead), takeBack, refused });
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
      const { counts } = connections;
      return { connections: spread.length, sessions, spread, waiting: queue.length, ...counts, refusedSessions };
    },
    close: async () => {
      closing = true;
      queue.refuseAll(closed(target));
      await connections.close();
    },
  };
}

const closed = (target: SshTarget) =>
  new Failure('SshConnectionLost', `The connections to ${target.id} are being closed.`);

const OWN_CONNECTION_POLL_MS = 20;

/** Places taken for connections that are not the pool's. */
function ownConnections(
  connections: ReturnType<typeof connectionSet>,
  limits: SshPoolLimits,
  permits: ConnectionPermits,
  serve: () => void,
) {
  let taken = 0;

  async function reserve(signal?: AbortSignal): Promise<ConnectionPermit> {
    // Our own connections make room first: the permit that we would wait for may be one of them.
    while (connections.size() > 0 && connections.size() + taken > limits.connections()) {
      connections.giveBack();
      await delay(OWN_CONNECTION_POLL_MS, undefined, signal ? { signal } : {});
    }
    return permits.acquire(signal);
  }

  return {
    count: () => taken,
    use: async <T>(fn: () => Promise<T>, options: { signal?: AbortSignal | undefined } = {}): Promise<T> => {
      let permit: ConnectionPermit | null = null;
      taken += 1;
      try {
        permit = await reserve(options.signal);
        return await fn();
      } finally {
        taken -= 1;
        await permit?.release();
        serve();
      }
    },
  };
}
