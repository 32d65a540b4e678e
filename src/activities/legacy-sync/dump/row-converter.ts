import type { ValuePolicy } from '../../../settings/legacy-server.ts';
import type { AttributePolicy, DumpValue } from './attribute-value.ts';
import { type CopyBuffer, putBytes, putDouble, putInt64, reserve } from './copy-buffer.ts';
import { FLAGS } from './flags.ts';
import { parseDouble } from './number-value.ts';
import { type Moment, readPositionTime, readReceivedAt, type RowBefore } from './position-time.ts';
import type { QuarantineReason } from './quarantine-reason.ts';
import type { RowPlan } from './row-plan.ts';
import { type RowScan, VALUE } from './row-scanner.ts';
import type { ZoneClock } from './zone-clock.ts';

/** The columns a tuple has, in its order. */
export const TUPLE_COLUMNS =
  'vehicle_id, time, legacy_id, latitude, longitude, speed_kmh, heading_deg, altitude_m, received_at, flags, attributes';

/** What happened to the row that was converted last. */
export interface Converted {
  /** Why it cannot be taken, and the legacy column that shows it; null when it was written. */
  reason: QuarantineReason | null;
  column: string | null;
  flags: number;
  seconds: number;
}

/** Writes one row as a tuple of binary COPY; nothing is written for a row that cannot be taken. */
export type RowConverter = (
  row: RowScan,
  idHigh: number,
  idLow: number,
  before: RowBefore | null,
  out: CopyBuffer,
) => Converted;

export interface RowConverterOptions {
  vehicleId: bigint;
  plan: RowPlan;
  values: ValuePolicy;
  clock: ZoneClock;
  /** Times after this (seconds since 1970) are in the future. */
  latestSeconds: number;
}

/** Bytes of a tuple without its attributes: the count of fields, ten fields of eight bytes (flags: two) and the length of the last. */
const FIXED_SIZE = 2 + 9 * 12 + 6 + 4;
const FIELDS = 11;
/** A JSON string in jsonb holds less than this; PostgreSQL would refuse the whole COPY. */
const LARGEST_ATTRIBUTES = 0x0fff_ff00;
const JSONB_VERSION = 1;
const [OPEN_BRACE, CLOSE_BRACE] = [0x7b, 0x7d];
const NULL_TEXT = Buffer.from('null');
const POSTGRES_EPOCH = 946_684_800;
const TWO_32 = 4_294_967_296;

export function createRowConverter({
  vehicleId,
  plan,
  values,
  clock,
  latestSeconds,
}: RowConverterOptions): RowConverter {
  const vehicleHigh = Number(BigInt.asIntN(32, vehicleId >> 32n));
  const vehicleLow = Number(BigInt.asIntN(32, vehicleId));
  const policy: AttributePolicy = {
    stripNul: values.nulInText === 'strip',
    replaceInvalid: values.invalidUtf8 === 'replace',
    mendDoubleEncoding: values.mendDoubleEncoding,
  };
  const result: Converted = { reason: null, column: null, flags: 0, seconds: 0 };
  const time: Moment = { seconds: 0, micros: 0, flags: 0 };
  const received: Moment = { seconds: 0, micros: 0, flags: 0 };
  const value: DumpValue = { source: Buffer.alloc(0), start: 0, end: 0, kind: 0 };

  function refuse(reason: QuarantineReason, index: number): Converted {
    result.reason = reason;
    result.column = plan.columns[index] ?? null;
    return result;
  }

  return (row, idHigh, idLow, before, out) => {
    const tuple = out.length;
    result.reason = null;
    const badTime = readPositionTime(row, plan.time, clock, values, latestSeconds, before, time);
    if (badTime !== null) return refuse(badTime, plan.time.index);
    const receipt = readReceivedAt(row, plan.receivedAt, clock, values, time.seconds, received);
    if (receipt !== null && receipt !== 'absent') return refuse(receipt, plan.receivedAt.index);
    const latitude = numberAt(row, plan.latitude);
    const longitude = numberAt(row, plan.longitude);
    const badPlace = placeProblem(row, plan, latitude, longitude, values);
    if (badPlace !== null) return refuse(badPlace, inRange(latitude, 90) ? plan.longitude : plan.latitude);
    const speed = numberAt(row, plan.speedKmh);
    if (isBadNumber(row, plan.speedKmh, speed)) return refuse('InvalidNumber', plan.speedKmh);
    const heading = numberAt(row, plan.headingDeg);
    if (isBadNumber(row, plan.headingDeg, heading)) return refuse('InvalidNumber', plan.headingDeg);
    const altitude = numberAt(row, plan.altitudeM);
    if (isBadNumber(row, plan.altitudeM, altitude)) return refuse('InvalidNumber', plan.altitudeM);

    reserve(out, FIXED_SIZE);
    out.view.setInt16(out.length, FIELDS);
    out.length += 2;
    putInt64(out, vehicleHigh, vehicleLow);
    putMoment(out, time);
    putInt64(out, idHigh, idLow);
    putDouble(out, latitude);
    putDouble(out, longitude);
    putDouble(out, speed);
    putDouble(out, heading);
    putDouble(out, altitude);
    if (receipt === null) putMoment(out, received);
    else putNull(out);
    const flagsAt = out.length;
    out.length += 6;
    const attributes = putAttributes(row, plan, policy, value, out);
    if (typeof attributes !== 'number') {
      out.length = tuple;
      return refuse(attributes.reason, attributes.index);
    }
    result.flags = time.flags | attributes | (latitude === 0 && longitude === 0 ? FLAGS.NULL_ISLAND : 0);
    result.seconds = time.seconds;
    out.view.setInt32(flagsAt, 2);
    out.view.setInt16(flagsAt + 4, result.flags);
    return result;
  };
}

/** NaN for NULL, for a column that is not mapped, and for what is no number: `isBadNumber` tells them apart. */
function numberAt(row: RowScan, index: number): number {
  if (index < 0) return Number.NaN;
  const kind = row.kind[index]!;
  if (kind !== VALUE.BARE && kind !== VALUE.TEXT) return Number.NaN;
  return parseDouble(row.source, row.start[index]!, row.end[index]!);
}

function placeProblem(
  row: RowScan,
  plan: RowPlan,
  latitude: number,
  longitude: number,
  values: ValuePolicy,
): QuarantineReason | null {
  if (inRange(latitude, 90) && inRange(longitude, 180)) {
    return latitude === 0 && longitude === 0 && values.nullIsland === 'quarantine' ? 'NullIsland' : null;
  }
  const [index, number] = inRange(latitude, 90) ? [plan.longitude, longitude] : [plan.latitude, latitude];
  if (row.kind[index] === VALUE.NULL) return 'MissingCoordinate';
  return Number.isNaN(number) ? 'InvalidCoordinate' : 'CoordinateOutOfRange';
}

const inRange = (degrees: number, most: number): boolean => degrees >= -most && degrees <= most;

const isBadNumber = (row: RowScan, index: number, value: number): boolean =>
  Number.isNaN(value) && index >= 0 && row.kind[index] !== VALUE.NULL;

function putMoment(out: CopyBuffer, { seconds, micros }: Moment): void {
  const total = (seconds - POSTGRES_EPOCH) * 1_000_000 + micros;
  if (Number.isSafeInteger(total)) {
    const high = Math.floor(total / TWO_32);
    putInt64(out, high, (total - high * TWO_32) | 0);
    return;
  }
  const exact = BigInt(seconds - POSTGRES_EPOCH) * 1_000_000n + BigInt(micros);
  putInt64(out, Number(exact >> 32n), Number(BigInt.asIntN(32, exact)));
}

function putNull(out: CopyBuffer): void {
  out.view.setInt32(out.length, -1);
  out.length += 4;
}

/** The field `attributes`, a jsonb: its length, its version and its text. Returns flags, or the column that cannot be taken. */
function putAttributes(
  row: RowScan,
  plan: RowPlan,
  policy: AttributePolicy,
  value: DumpValue,
  out: CopyBuffer,
): number | { reason: QuarantineReason; index: number } {
  if (plan.attributes.length === 0) {
    putNull(out);
    return 0;
  }
  let flags = 0;
  const lengthAt = out.length;
  reserve(out, 6);
  out.length += 4;
  out.bytes[out.length++] = JSONB_VERSION;
  out.bytes[out.length++] = OPEN_BRACE;
  value.source = row.source;
  for (const { index, prefix, encode } of plan.attributes) {
    reserve(out, prefix.length + 8);
    putBytes(out, prefix, 0, prefix.length);
    value.kind = row.kind[index]!;
    if (value.kind === VALUE.NULL) {
      putBytes(out, NULL_TEXT, 0, 4);
      continue;
    }
    value.start = row.start[index]!;
    value.end = row.end[index]!;
    const written = encode(out, value, policy);
    if (typeof written !== 'number') return { reason: written, index };
    flags |= written;
  }
  reserve(out, 1);
  out.bytes[out.length++] = CLOSE_BRACE;
  const size = out.length - lengthAt - 4;
  if (size > LARGEST_ATTRIBUTES) return { reason: 'AttributesTooLarge', index: -1 };
  out.view.setInt32(lengthAt, size);
  return flags;
}
