/**
 * Bits of `positions.flags`: what was odd about a row that was imported. The numbers are stored, so none may get another meaning; a new
 * flag takes the next bit (the column is a smallint: 15 bits).
 */
export const FLAGS = {
  /** The coordinates are exactly (0, 0). */
  NULL_ISLAND: 1,
  /** Later than the import by more than the policy's tolerance. */
  FUTURE_TIME: 2,
  /** Before 6 January 1980, when GPS time begins: the receiver's clock was never set. */
  BEFORE_GPS: 4,
  /** NUL characters were removed from a text. */
  NUL_STRIPPED: 8,
  /** Bytes that are not UTF-8 were replaced by U+FFFD. */
  UTF8_REPLACED: 16,
  /** UTF-8 stored under a latin1 label was mended. */
  DOUBLE_ENCODING_MENDED: 32,
  /** The clocks skipped the local time; it was read with the offset before the gap. */
  DST_SHIFTED: 64,
  /** The local time happened twice and no row near it shows which is meant: it was read as the first. */
  DST_AMBIGUOUS: 128,
  /** The local time happened twice; the row before it by id showed which is meant. */
  DST_BY_ORDER: 256,
  /** PostgreSQL does not accept the value of a JSON column, which was kept as text. */
  JSON_AS_TEXT: 512,
  /** A text of a latin1 column was read in the encoding that the mapping names. */
  TEXT_RELABELLED: 1024,
} as const;

export type FlagName = keyof typeof FLAGS;
