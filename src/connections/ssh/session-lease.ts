import { setTimeout as delay } from 'node:timers/promises';
import type { PooledConnection } from './pooled-connection.ts';
import { connectionLost, sessionRefused } from './session-failure.ts';

/** After this many refusals on a connection without another session, waiting would not help. */
const REFUSED_ALONE = 2;
/**
 * sshd frees a session only after it has processed everything in its socket, so a request right after a close may be one too many. A
 * refusal counts when it is repeated this much later.
 */
const SECOND_ASKING_MS = 30;

export interface LeaseParts {
  where: string;
  place(ahead: boolean): Promise<PooledConnection>;
  takeBack(member: PooledConnection): void;
  refused(member: PooledConnection): void;
}

/** A session's place on a connection. It moves to another connection when its own refuses to open a channel; nothing has run by then. */
export function sessionLease({ where, place, takeBack, refused }: LeaseParts) {
  let member: PooledConnection | null = null;

  function current(): PooledConnection {
    if (member === null) throw new Error('This SSH session was given back.');
    return member;
  }

  async function move(): Promise<void> {
    const from = current();
    member = null;
    takeBack(from);
    member = await place(true);
  }

  async function open<C>(start: (member: PooledConnection) => Promise<C>): Promise<C> {
    for (let refusedAlone = 0, lost = 0; ; ) {
      const from = current();
      try {
        return await askTwice(from, start);
      } catch (cause) {
        const { message } = cause as Error;
        // A connection that closes answers pending requests like a refusal; its `close` event comes a moment later.
        await new Promise((resolve) => setImmediate(resolve));
        if (!from.gone && message.startsWith('Unable to')) throw sessionRefused(where, cause);
        if (!from.gone && isRefusal(cause)) {
          refusedAlone += from.channels === 0 ? 1 : 0;
          refused(from);
          if (refusedAlone >= REFUSED_ALONE) throw sessionRefused(where, cause);
        } else {
          // The connection died while it was idle.
          from.gone = true;
          from.client.destroy();
          if (++lost > 1) throw connectionLost(where, cause);
        }
        await move();
      }
    }
  }

  async function askTwice<C>(from: PooledConnection, start: (member: PooledConnection) => Promise<C>): Promise<C> {
    try {
      return await start(from);
    } catch (cause) {
      if (from.channels === 0 || !isRefusal(cause)) throw cause;
      await delay(SECOND_ASKING_MS * (0.5 + Math.random()));
      return start(from);
    }
  }

  return {
    current,
    open,
    take: async () => {
      member = await place(false);
    },
    giveBack: () => {
      if (member !== null) takeBack(member);
      member = null;
    },
  };
}

const isRefusal = (cause: unknown): boolean => (cause as Error).message.includes('Channel open failure');
