import { NUMBER_FIELD_NAMES, type NumberFieldName } from '../../../settings/position-columns.ts';

/** A row as `positions` would have it. */
export interface PositionTuple extends Record<NumberFieldName, number | null> {
  /** Its place in what was converted. */
  at: number;
  /** Seconds since 1970. */
  seconds: number;
  latitude: number;
  longitude: number;
  receivedSeconds: number | null;
  flags: number;
  attributes: Record<string, unknown>;
}

const POSTGRES_EPOCH = 946_684_800;

/** Reads tuples of POSITION_COLUMNS, as the converter has written them for a binary COPY. */
export function readPositionTuples(bytes: Buffer): PositionTuple[] {
  const rows: PositionTuple[] = [];
  let at = 0;
  const field = (): Buffer | null => {
    const length = bytes.readInt32BE(at);
    at += 4 + Math.max(0, length);
    return length < 0 ? null : bytes.subarray(at - length, at);
  };
  const double = (): number | null => field()?.readDoubleBE() ?? null;
  const numbers = () =>
    Object.fromEntries(NUMBER_FIELD_NAMES.map((field) => [field, double()])) as Record<NumberFieldName, number | null>;
  const seconds = (): number | null => {
    const micros = field()?.readBigInt64BE();
    return micros === undefined ? null : Number(micros) / 1e6 + POSTGRES_EPOCH;
  };
  while (at < bytes.length) {
    // The number of fields, and the vehicle, which is always the same here.
    at += 2;
    field();
    rows.push({
      seconds: seconds()!,
      at: Number(field()!.readBigInt64BE()),
      latitude: double()!,
      longitude: double()!,
      ...numbers(),
      receivedSeconds: seconds(),
      flags: field()!.readInt16BE(),
      attributes: JSON.parse(field()?.toString('utf8', 1) ?? '{}') as Record<string, unknown>,
    });
  }
  return rows;
}
