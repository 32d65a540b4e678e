/** This process's requests for one kind of permit of one server, first come, first served: only the first asks PostgreSQL. */
export interface PermitQueue {
  /** Waits for its turn, then calls `attempt` until it returns true. Errors: what `attempt` throws, or the signal's reason. */
  wait(attempt: () => Promise<boolean>, signal?: AbortSignal): Promise<void>;
  /** A place may be free: the first request asks now instead of at its next poll. */
  wake(): void;
}

export function createPermitQueue(pollMs: number): PermitQueue {
  let last: Promise<void> = Promise.resolve();
  let wakeHead = (): void => {};

  const pause = (signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        wakeHead = () => {};
        resolve();
      };
      const timer = setTimeout(done, pollMs);
      wakeHead = done;
      // An abort during the attempt sends no event any more.
      if (signal?.aborted) done();
      else signal?.addEventListener('abort', done, { once: true });
    });

  return {
    async wait(attempt, signal) {
      const turn = last;
      let leave = (): void => {};
      const left = new Promise<void>((resolve) => {
        leave = resolve;
      });
      last = turn.then(() => left);
      try {
        await orAborted(turn, signal);
        for (;;) {
          signal?.throwIfAborted();
          let woken = false;
          // Without this, a place given back while `attempt` runs would be noticed one poll later.
          wakeHead = () => {
            woken = true;
          };
          if (await attempt()) break;
          if (!woken) await pause(signal);
        }
        // When the signal aborted during the attempt that succeeded, the caller must give the place back.
        signal?.throwIfAborted();
      } finally {
        leave();
      }
    },
    wake: () => wakeHead(),
  };
}

/** Resolves with `promise`, or rejects as soon as the signal aborts. */
function orAborted(promise: Promise<void>, signal?: AbortSignal): Promise<void> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    void promise.then(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
  });
}
