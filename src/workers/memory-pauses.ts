/** What a process above its memory works on in a second, all slots together where they work at once. */
const BYTES_PER_SECOND = 2.5 * 1024 * 1024;
/** A timer is no finer: shorter pauses are added up. */
const SHORTEST_MS = 1;
/** A range has to end before its COPY is given up. */
const LONGEST_MS = 1_000;

/**
 * The pauses of a process that is above its memory: after them the collector has had its turn. They have an end, because work that holds memory
 * would else wait for itself. Their sum depends on the bytes and not on how these are cut.
 */
export function createMemoryPauses() {
  let owedMs = 0;
  return {
    /** How long the work on a piece of so many bytes has to be followed by none. */
    after(bytes: number): number {
      owedMs = Math.min(LONGEST_MS, owedMs + (1_000 * bytes) / BYTES_PER_SECOND);
      if (owedMs < SHORTEST_MS) return 0;
      const pause = owedMs;
      owedMs = 0;
      return pause;
    },
  };
}
