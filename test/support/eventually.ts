import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until `check` passes. After the deadline it throws the last error of `check`. */
export async function eventually<T>(check: () => T | Promise<T>, { withinMs = 15_000, everyMs = 25 } = {}): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(everyMs);
    }
  }
}
