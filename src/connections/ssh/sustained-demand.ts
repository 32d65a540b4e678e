/** A process that needs its first connection asks about once a second. One that only wants a further connection asks once and gives up. */
const PERSISTENT_MS = 5_000;
const LULL_MS = 2_500;

/** Tells a passing demand of other processes for a place, which only idle connections answer, from a lasting one, which a busy connection answers too. */
export function sustainedDemand(now: () => number = Date.now) {
  let since = 0;
  let last = 0;
  return {
    /** To be called with each demand: true when demands have lasted, at most once per PERSISTENT_MS. */
    persists: (): boolean => {
      const time = now();
      if (time - last > LULL_MS) since = time;
      last = time;
      if (time - since < PERSISTENT_MS) return false;
      since = time;
      return true;
    },
  };
}
