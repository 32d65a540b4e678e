/** What somebody read at a moment, in milliseconds. */
export interface Reading {
  at: number;
  value: number;
}

/**
 * How late a page was, each time its source was read: for how long the source had been beyond what the page showed. 0: the page was as far.
 * Values of both only grow.
 */
export function lateness(source: readonly Reading[], shown: readonly Reading[]): number[] {
  const since = shown[0]?.at ?? Infinity;
  return source
    .filter(({ at }) => at >= since)
    .map(({ at: now }) => {
      const { value } = shown.findLast(({ at }) => at <= now)!;
      const passed = source.find((reading) => reading.value > value)?.at ?? Infinity;
      return Math.max(0, now - passed);
    });
}
