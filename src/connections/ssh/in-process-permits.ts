import type { ConnectionPermit, ConnectionPermits } from './connection-permits.ts';

interface Waiter {
  grant(permit: ConnectionPermit): void;
}

/** How often holders are asked again: a connection that was busy may be idle by now. */
const REMINDER_MS = 500;

/** Permits for the pools of one process, without a database: for the command line and tests. */
export function inProcessPermits(limit: () => number): ConnectionPermits {
  const taken = new Map<ConnectionPermit, Set<() => void>>();
  const waiters: Waiter[] = [];

  function issue(): ConnectionPermit {
    const wanted = new Set<() => void>();
    const permit: ConnectionPermit = {
      release: async () => {
        if (!taken.delete(permit)) return;
        if (waiters.length > 0 && taken.size < limit()) waiters.shift()?.grant(issue());
      },
      onWanted: (callback) => void wanted.add(callback),
      onLost: () => {},
    };
    taken.set(permit, wanted);
    return permit;
  }

  function tellHolders(): void {
    for (const callbacks of taken.values()) for (const callback of callbacks) queueMicrotask(callback);
  }

  function wait(signal?: AbortSignal): Promise<ConnectionPermit> {
    return new Promise((resolve, reject) => {
      const reminder = setInterval(tellHolders, REMINDER_MS).unref();
      const abandon = () => {
        clearInterval(reminder);
        waiters.splice(waiters.indexOf(waiter), 1);
        reject(signal?.reason as Error);
      };
      const waiter: Waiter = {
        grant: (permit) => {
          clearInterval(reminder);
          signal?.removeEventListener('abort', abandon);
          resolve(permit);
        },
      };
      signal?.addEventListener('abort', abandon, { once: true });
      waiters.push(waiter);
      tellHolders();
    });
  }

  return {
    acquire: async (signal) => {
      signal?.throwIfAborted();
      return waiters.length === 0 && taken.size < limit() ? issue() : wait(signal);
    },
  };
}
