import { setTimeout as sleep } from 'node:timers/promises';

const LONGEST_WAIT_MS = 5_000;

export interface Patience {
  /** How long after the first try another one may begin. */
  forMs: number;
  firstWaitMs: number;
  signal: AbortSignal;
  /** Whether what `ask` threw may be different a moment later. */
  mayPass: (error: unknown) => boolean;
}

/** Asks again, with waits that double, while the answer is an error that may pass and the patience lasts. Throws the last error, or the signal's reason. */
export async function patiently<T>(
  { forMs, firstWaitMs, signal, mayPass }: Patience,
  ask: () => Promise<T>,
): Promise<T> {
  const until = performance.now() + forMs;
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error) || performance.now() + waitMs > until) throw error;
    }
    await sleep(waitMs, undefined, { signal });
  }
}
