/** Number of keys in one command: large enough that the round trip does not matter, small enough to stay far below a second. */
export const KEYS_PER_COMMAND = 500;

/** Splits the items into batches of `size`, in their order. */
export function inBatches<T>(items: readonly T[], size = KEYS_PER_COMMAND): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
