/**
 * Why a row went to quarantine instead of into `positions`. The database stores these words. Those of rows without a fix
 * may have a limit of their own, or be skipped.
 */
export type QuarantineReason =
  | 'InvalidId'
  | 'MissingTime'
  | 'ZeroDate'
  | 'InvalidTime'
  | 'TimeInDstGap'
  | 'FutureTime'
  | 'MissingCoordinate'
  | 'InvalidCoordinate'
  | 'CoordinateOutOfRange'
  | 'NullIsland'
  | 'InvalidNumber'
  | 'InvalidValue'
  | 'NulInText'
  | 'InvalidUtf8'
  | 'RowTooLarge'
  | 'AttributesTooLarge';

/** What a tracker that sees no satellites sends: nothing is wrong with the row, or with the mapping. */
export const WITHOUT_FIX: ReadonlySet<string> = new Set<QuarantineReason>(['MissingCoordinate', 'NullIsland']);
