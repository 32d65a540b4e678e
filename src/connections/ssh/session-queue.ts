import type { PooledConnection } from './pooled-connection.ts';

interface Waiter {
  grant(member: PooledConnection): void;
  refuse(reason: Error): void;
}

/** Requests for a session, first come, first served; each can be aborted. */
export function sessionQueue() {
  const waiters: Waiter[] = [];
  return {
    get length() {
      return waiters.length;
    },
    /** `ahead` puts a request before the others, because it was served once already. */
    wait: (signal: AbortSignal | undefined, ahead: boolean, onLeft: () => void): Promise<PooledConnection> =>
      new Promise((resolve, reject) => {
        const leave = () => signal?.removeEventListener('abort', abandon);
        const waiter: Waiter = {
          grant: (member) => {
            leave();
            resolve(member);
          },
          refuse: (reason) => {
            leave();
            reject(reason);
          },
        };
        const abandon = () => {
          waiters.splice(waiters.indexOf(waiter), 1);
          reject(signal?.reason as Error);
          onLeft();
        };
        signal?.addEventListener('abort', abandon, { once: true });
        if (ahead) waiters.unshift(waiter);
        else waiters.push(waiter);
      }),
    grantNext: (member: PooledConnection) => waiters.shift()?.grant(member),
    refuseAll: (reason: Error) => {
      for (const waiter of waiters.splice(0)) waiter.refuse(reason);
    },
  };
}
