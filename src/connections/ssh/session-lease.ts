import type { PooledConnection } from './pooled-connection.ts';
import { connectionLost, sessionRefused } from './session-failure.ts';

/** Refusals on a connection that has no other session, after which waiting would not help. */
const REFUSED_ALONE = 2;

export interface LeaseParts {
  where: string;
  place(ahead: boolean): Promise<PooledConnection>;
  takeBack(member: PooledConnection): void;
  refused(member: PooledConnection): void;
}

/** A place on a connection that moves to another one when its own refuses to open a channel; nothing has run by then. */
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
        return await start(from);
      } catch (cause) {
        const { message } = cause as Error;
        // A connection that closes answers what is pending as a refusal would; its own end is heard a moment later.
        await new Promise((resolve) => setImmediate(resolve));
        if (!from.gone && message.startsWith('Unable to')) throw sessionRefused(where, cause);
        if (!from.gone && message.includes('Channel open failure')) {
          refusedAlone += from.channels === 0 ? 1 : 0;
          refused(from);
          if (refusedAlone >= REFUSED_ALONE) throw sessionRefused(where, cause);
        } else {
          // A connection that died while it lay idle.
          from.gone = true;
          from.client.destroy();
          if (++lost > 1) throw connectionLost(where, cause);
        }
        await move();
      }
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
