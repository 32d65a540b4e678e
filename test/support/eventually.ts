import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until `check` passes; after the deadline its last complaint is the test's failure. */
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
