/** A value that was read, and when, in milliseconds. */
export interface Reading {
  at: number;
  value: number;
}

/**
 * How late a page was, for each reading of its source: how long the source had already been ahead of the page. 0: the page had caught up.
 * The values of both must only grow.
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
