/** Why a row went to quarantine instead of into `positions`. Stored as it stands here. */
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
