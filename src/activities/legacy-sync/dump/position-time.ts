import type { ValuePolicy } from '../../../settings/legacy-server.ts';
import { FLAGS } from './flags.ts';
import { type LocalTime, readLocalTime } from './local-time.ts';
import type { QuarantineReason } from './quarantine-reason.ts';
import type { TimeColumn } from './row-plan.ts';
import { type RowScan, VALUE } from './row-scanner.ts';
import type { ZoneClock, ZoneReading } from './zone-clock.ts';

/** A moment: seconds since 1970 in UTC, and what is below the second. One is reused for every row. */
export interface Moment {
  seconds: number;
  micros: number;
  flags: number;
}

/** The row before, by id: what tells the first 01:30 of an autumn night from the second. */
export interface RowBefore {
  id: number | bigint;
  seconds: number;
}

const GPS_EPOCH = Date.UTC(1980, 0, 6) / 1000;
const local: LocalTime = { seconds: 0, micros: 0 };

/** Reads the time of a position into `into`; returns why the row cannot be taken, or null. */
export function readPositionTime(
  row: RowScan,
  column: TimeColumn,
  clock: ZoneClock,
  policy: ValuePolicy,
  latestSeconds: number,
  before: RowBefore | null,
  into: Moment,
): QuarantineReason | null {
  const value = column.index;
  if (row.kind[value] === VALUE.NULL) return 'MissingTime';
  if (row.kind[value] !== VALUE.TEXT) return 'InvalidTime';
  const kind = readLocalTime(row.source, row.start[value]!, row.end[value]!, local);
  if (kind !== 'time') return kind === 'invalid' ? 'InvalidTime' : 'ZeroDate';
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
 * Reads the time at which the legacy server received a position. It may be absent: NULL, zero and partial dates are all no time.
 * Of a time that happened twice it is the first one not before the position itself, which must have been received later.
 */
export function readReceivedAt(
  row: RowScan,
  column: TimeColumn,
  clock: ZoneClock,
  policy: ValuePolicy,
  positionSeconds: number,
  into: Moment,
): QuarantineReason | 'absent' | null {
  const value = column.index;
  if (value < 0 || row.kind[value] === VALUE.NULL) return 'absent';
  if (row.kind[value] !== VALUE.TEXT) return 'InvalidTime';
  const kind = readLocalTime(row.source, row.start[value]!, row.end[value]!, local);
  if (kind === 'zero' || kind === 'partial') return 'absent';
  if (kind === 'invalid') return 'InvalidTime';
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
 * A time that happened twice is the one nearer to the row before it (ids grow as time goes on); a position that was sent late, some
 * minutes out of order, so stays in its hour. With no row within an hour's reach it is the first, and says so.
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
  // As near to both: time goes forward.
  if (second - before.seconds <= before.seconds - first) into.seconds = second;
}
