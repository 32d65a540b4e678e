import type { ValuePolicy } from '../../../settings/legacy-server.ts';
import { POSITION_COLUMNS } from '../../../settings/position-columns.ts';
import type { AttributePolicy, DumpValue } from './attribute-value.ts';
import { type CopyBuffer, putBytes, putDouble, putInt64, reserve } from './copy-buffer.ts';
import { blamed, type CoordinateColumn } from './coordinate-column.ts';
import { FLAGS } from './flags.ts';
import { isBadNumber, type NumberColumn } from './number-column.ts';
import { type Moment, readPositionTime, readReceivedAt, type RowBefore } from './position-time.ts';
import type { QuarantineReason } from './quarantine-reason.ts';
import type { RowPlan } from './row-plan.ts';
import { type RowScan, VALUE } from './row-scanner.ts';
import { isEmpty } from './row-text.ts';
import type { ZoneClock } from './zone-clock.ts';

/** The result of the last row. */
export interface Converted {
  /** Why the row cannot be imported, with the legacy column that shows it; null when the row was written. */
  reason: QuarantineReason | null;
  column: string | null;
  flags: number;
  seconds: number;
}

/** Writes one row as a tuple of binary COPY. For a row that cannot be imported it writes nothing. */
export type RowConverter = (
  row: RowScan,
  /** Each as the two halves of a bigint. */
  vehicle: Halves,
  id: Halves,
  before: RowBefore | null,
  out: CopyBuffer,
) => Converted;

interface Halves {
  readonly high: number;
  readonly low: number;
}

export interface RowConverterOptions {
  plan: RowPlan;
  values: ValuePolicy;
  clock: ZoneClock;
  /** Times after this (seconds since 1970) are in the future. */
  latestSeconds: number;
}

/** Bytes of a field: its length in four bytes, then eight bytes of value. */
const FIELD_BYTES = 12;
/** Bytes of a tuple without its attributes: the count of fields, fields of eight bytes, flags of two, and the length of the last. */
const TUPLE_BYTES = 2 + (POSITION_COLUMNS.length - 2) * FIELD_BYTES + 6 + 4;
/** A JSON string in jsonb must be shorter; PostgreSQL would refuse the whole COPY. */
const LARGEST_ATTRIBUTES = 0x0fff_ff00;
const JSONB_VERSION = 1;
const [OPEN_BRACE, CLOSE_BRACE] = [0x7b, 0x7d];
const NULL_TEXT = Buffer.from('null');
const POSTGRES_EPOCH = 946_684_800;
const TWO_32 = 4_294_967_296;

export function createRowConverter({ plan, values, clock, latestSeconds }: RowConverterOptions): RowConverter {
  const policy: AttributePolicy = {
    stripNul: values.nulInText === 'strip',
    replaceInvalid: values.invalidUtf8 === 'replace',
    mendDoubleEncoding: values.mendDoubleEncoding,
  };
  const result: Converted = { reason: null, column: null, flags: 0, seconds: 0 };
  const time: Moment = { seconds: 0, micros: 0, flags: 0 };
  const received: Moment = { seconds: 0, micros: 0, flags: 0 };
  const numbers = new Float64Array(plan.numbers.length);
  const value: DumpValue = { source: Buffer.alloc(0), start: 0, end: 0, kind: 0 };

  function refuse(reason: QuarantineReason, index: number): Converted {
    result.reason = reason;
    result.column = plan.columns[index] ?? null;
    return result;
  }

  return (row, vehicle, id, before, out) => {
    const tuple = out.length;
    result.reason = null;
    const badTime = readPositionTime(row, plan.time, clock, values, latestSeconds, before, time);
    if (badTime !== null) return refuse(badTime, plan.time.index);
    const receipt = readReceivedAt(row, plan.receivedAt, clock, values, time.seconds, received);
    if (receipt !== null && receipt !== 'absent') return refuse(receipt, plan.receivedAt.index);
    const latitude = plan.latitude.read(row, plan.latitude.index);
    const longitude = plan.longitude.read(row, plan.longitude.index);
    const badPlace = placeProblem(row, plan, latitude, longitude, values);
    if (badPlace !== null) return refuse(badPlace, blamed(row, badHalf(plan, latitude)));
    const badNumber = readNumbers(row, plan.numbers, numbers);
    if (badNumber !== null) return refuse('InvalidNumber', badNumber);

    reserve(out, TUPLE_BYTES);
    out.view.setInt16(out.length, POSITION_COLUMNS.length);
    out.length += 2;
    putInt64(out, vehicle.high, vehicle.low);
    putMoment(out, time);
    putInt64(out, id.high, id.low);
    putDouble(out, latitude);
    putDouble(out, longitude);
    for (let at = 0; at < numbers.length; at++) putDouble(out, numbers[at]!);
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

/** Reads the numbers of NUMBER_FIELDS. Returns the column of one that is no number, or null. */
function readNumbers(row: RowScan, columns: readonly NumberColumn[], numbers: Float64Array): number | null {
  for (let at = 0; at < columns.length; at++) {
    const column = columns[at]!;
    const number = column.read(row, column.index);
    if (isBadNumber(row, column, number)) return column.index;
    numbers[at] = number;
  }
  return null;
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
  const half = badHalf(plan, latitude);
  if (isEmpty(row, half.index)) return 'MissingCoordinate';
  return Number.isNaN(half === plan.latitude ? latitude : longitude) ? 'InvalidCoordinate' : 'CoordinateOutOfRange';
}

const badHalf = (plan: RowPlan, latitude: number): CoordinateColumn =>
  inRange(latitude, 90) ? plan.longitude : plan.latitude;

const inRange = (degrees: number, most: number): boolean => degrees >= -most && degrees <= most;

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

/** The field `attributes`, a jsonb: its length, its version and its text. Returns flags, or the column that cannot be imported. */
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
