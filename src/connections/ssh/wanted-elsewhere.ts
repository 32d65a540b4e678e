/** A process that needs its first connection asks about once a second; one that only wants to grow asks once and gives up. */
const PERSISTENT_MS = 5_000;
const LULL_MS = 2_500;

/** Tells a passing wish for one of our places, which idle connections answer, from a need, which a busy one has to. */
export function wantedElsewhere(now: () => number = Date.now) {
  let since = 0;
  let last = 0;
  return {
    /** Call it with each wish: true when the wishes have lasted, at most once per PERSISTENT_MS. */
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
