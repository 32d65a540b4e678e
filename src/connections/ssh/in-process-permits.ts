import type { ConnectionPermit, ConnectionPermits } from './connection-permits.ts';

interface Waiter {
  grant(permit: ConnectionPermit): void;
}

/** A holder that could not help at first may be able to by now. */
const REMINDER_MS = 500;

/** Permits for several pools inside one process: what tests and the one-process demo need of the shared, stored ones. */
export function inProcessPermits(limit: () => number): ConnectionPermits {
  const held = new Map<ConnectionPermit, Set<() => void>>();
  const waiters: Waiter[] = [];

  function issue(): ConnectionPermit {
    const wanted = new Set<() => void>();
    const permit: ConnectionPermit = {
      release: async () => {
        if (!held.delete(permit)) return;
        if (waiters.length > 0 && held.size < limit()) waiters.shift()?.grant(issue());
      },
      onWanted: (callback) => void wanted.add(callback),
      onLost: () => {},
    };
    held.set(permit, wanted);
    return permit;
  }

  function tellHolders(): void {
    for (const callbacks of held.values()) for (const callback of callbacks) queueMicrotask(callback);
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
      return waiters.length === 0 && held.size < limit() ? issue() : wait(signal);
    },
  };
}
