const QUARTER_HOUR = 900;
/** UTC+14 and UTC−12 are the furthest apart. */
const FURTHEST = 26 * 3_600;

/** Whether two times (seconds since 1970) may be one that was read by two zones, whose offsets are quarters of an hour. */
export function isSameTime(one: number, other: number): boolean {
  const apart = Math.abs(one - other);
  return apart % QUARTER_HOUR === 0 && apart <= FURTHEST;
}
