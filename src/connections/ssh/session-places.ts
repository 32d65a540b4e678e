import type { Logger } from 'pino';
import { Failure } from '../../errors.ts';
import type { connectionSet } from './connection-set.ts';
import { learnedSessionLimit } from './learned-session-limit.ts';
import type { PooledConnection } from './pooled-connection.ts';
import type { sessionQueue } from './session-queue.ts';
import type { SshPoolLimits, SshTarget } from './ssh-target.ts';

export interface SessionOptions {
  signal?: AbortSignal | undefined;
  onQueued?: ((waiting: boolean) => void) | undefined;
}

interface SessionPlacesParts {
  target: SshTarget;
  limits: SshPoolLimits;
  logger: Logger;
  queue: ReturnType<typeof sessionQueue>;
  connections: ReturnType<typeof connectionSet>;
  /** Places that connections outside the pool take. */
  ownConnections(): number;
}

/** Matches requests for a session with places on connections, first come, first served. */
export function sessionPlaces({ target, limits, logger, queue, connections, ownConnections }: SessionPlacesParts) {
  const learned = learnedSessionLimit();
  let refusals = 0;
  let closing = false;

  const lend = () => connections.lend(learned.current(limits.sessionsPerConnection()));
  const closed = () => new Failure('SshConnectionLost', `The connections to ${target.id} are being closed.`);

  /** Grants requests as long as there are places, then opens or closes a connection where that is due. */
  function serve(): void {
    while (queue.length > 0) {
      const member = lend();
      if (member === null) break;
      queue.grantNext(member);
    }
    connections.adjust({ limit: limits.connections() - ownConnections(), waiting: queue.length });
  }

  return {
    serve,
    /** A place for one session. `ahead` goes before the requests that wait: its host refused the place it had. */
    take: async ({ signal, onQueued }: SessionOptions, ahead: boolean): Promise<PooledConnection> => {
      signal?.throwIfAborted();
      if (closing) throw closed();
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
    },
    /** The host refused a session on this connection. */
    refused: (member: PooledConnection): void => {
      refusals += 1;
      if (member.channels > 0) learned.refusedAt(member.channels);
      // The host frees a session late when its child process lives on, so this connection may stay full: a new one replaces it.
      member.draining = true;
      logger.info({ server: target.id, open: member.channels }, 'ssh session refused; the request is queued again');
    },
    refusals: () => refusals,
    close: (): void => {
      closing = true;
      queue.refuseAll(closed());
    },
  };
}
