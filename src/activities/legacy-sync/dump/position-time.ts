import type { ValuePolicy } from '../../../settings/legacy-server.ts';
import { FLAGS } from './flags.ts';
import type { LocalTime, LocalTimeKind } from './local-time.ts';
import type { QuarantineReason } from './quarantine-reason.ts';
import type { RowScan } from './row-scanner.ts';
import type { TimeColumn } from './time-column.ts';
import type { ZoneClock, ZoneReading } from './zone-clock.ts';

/** Seconds since 1970 in UTC, and the part below a second. One object is reused for every row. */
export interface Moment {
  seconds: number;
  micros: number;
  flags: number;
}

/** The row before, by id. It shows whether 01:30 of an autumn night is the first or the second. */
export interface RowBefore {
  id: number | bigint;
  seconds: number;
}

const GPS_EPOCH = Date.UTC(1980, 0, 6) / 1000;
const NO_TIME: Record<Exclude<LocalTimeKind, 'time'>, QuarantineReason> = {
  missing: 'MissingTime',
  zero: 'ZeroDate',
  partial: 'ZeroDate',
  invalid: 'InvalidTime',
};
const local: LocalTime = { seconds: 0, micros: 0 };

/** Reads the time of a position into `into`; returns why the row cannot be imported, or null. */
export function readPositionTime(
  row: RowScan,
  column: TimeColumn,
  clock: ZoneClock,
  policy: ValuePolicy,
  latestSeconds: number,
  before: RowBefore | null,
  into: Moment,
): QuarantineReason | null {
  const kind = column.read(row, column.index, local);
  if (kind !== 'time') return NO_TIME[kind];
  into.micros = local.micros;
  into.flags = 0;
  if (column.utc) into.seconds = local.seconds;
  else {
    const reading = clock(local.seconds);
    if (reading.kind === 'gap' && policy.dstGap === 'quarantine') return 'TimeInDstGap';
    place(local.seconds, reading, before, into);
  }
  if (into.seconds < GPS_EPOCH) into.flags |= FLAGS.BEFORE_GPS;
  if (into.seconds > latestSeconds) {
    if (policy.futureTime === 'quarantine') return 'FutureTime';
    into.flags |= FLAGS.FUTURE_TIME;
  }
  return null;
}

/**
 * Reads the time at which the legacy server received a position. NULL, zero and partial dates count as absent. Of a time that happened twice
 * it takes the first that is not before the position's own time, because a position is received later.
 */
export function readReceivedAt(
  row: RowScan,
  column: TimeColumn,
  clock: ZoneClock,
  policy: ValuePolicy,
  positionSeconds: number,
  into: Moment,
): QuarantineReason | 'absent' | null {
  const kind = column.read(row, column.index, local);
  if (kind !== 'time') return kind === 'invalid' ? 'InvalidTime' : 'absent';
  into.micros = local.micros;
  into.seconds = local.seconds;
  if (column.utc) return null;
  const reading = clock(local.seconds);
  if (reading.kind === 'gap' && policy.dstGap === 'quarantine') return 'TimeInDstGap';
  into.seconds = local.seconds - reading.offset;
  if (reading.kind === 'fold' && into.seconds < positionSeconds) into.seconds = local.seconds - reading.offsetAfter;
  return null;
}

/**
 * Of a time that happened twice it takes the one nearer to the row before, because ids grow with time. So a position that arrived some
 * minutes out of order stays in its hour. Without a row within an hour it takes the first, and sets a flag.
 */
function place(seconds: number, reading: ZoneReading, before: RowBefore | null, into: Moment): void {
  const first = seconds - reading.offset;
  into.seconds = first;
  if (reading.kind === 'plain') return;
  if (reading.kind === 'gap') {
    into.flags |= FLAGS.DST_SHIFTED;
    return;
  }
  const second = seconds - reading.offsetAfter;
  const length = second - first;
  if (before === null || before.seconds < first - length || before.seconds > second + length) {
    into.flags |= FLAGS.DST_AMBIGUOUS;
    return;
  }
  into.flags |= FLAGS.DST_BY_ORDER;
  // When both are equally near it is the second, because time goes forward.
  if (second - before.seconds <= before.seconds - first) into.seconds = second;
}
