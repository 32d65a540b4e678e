/**
 * Bits of `positions.flags`: what was odd about a row that was taken in all the same. The numbers are stored, so they are never
 * given a second meaning; a new oddity takes the next bit (the column is a smallint: 15 bits).
 */
export const FLAGS = {
  /** The coordinates are exactly (0, 0). */
  NULL_ISLAND: 1,
  /** Later than the import by more than the policy's tolerance. */
  FUTURE_TIME: 2,
  /** Before 6 January 1980, when GPS time begins: a receiver's clock that was never set. */
  BEFORE_GPS: 4,
  /** NUL characters were taken out of a text. */
  NUL_STRIPPED: 8,
  /** Bytes that are no UTF-8 were replaced by U+FFFD. */
  UTF8_REPLACED: 16,
  /** UTF-8 stored under a latin1 label was mended. */
  DOUBLE_ENCODING_MENDED: 32,
  /** The local time was skipped by the clocks; it was read with the offset before the gap. */
  DST_SHIFTED: 64,
  /** The local time happened twice and nothing near it tells which: read as the first. */
  DST_AMBIGUOUS: 128,
  /** The local time happened twice; the row before it by id told which. */
  DST_BY_ORDER: 256,
  /** A value of a JSON column that PostgreSQL does not take as JSON is kept as text. */
  JSON_AS_TEXT: 512,
} as const;

export type FlagName = keyof typeof FLAGS;
