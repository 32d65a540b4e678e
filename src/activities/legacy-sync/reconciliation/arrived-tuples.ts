import { createHash } from 'node:crypto';
import { NUMBER_FIELD_NAMES } from '../../../settings/position-columns.ts';

/** A row as the converter has written it for a binary COPY. */
export interface ArrivedTuple {
  id: string;
  /** Microseconds since 1970, UTC. */
  micros: bigint;
  /** Latitude, longitude and the measured numbers; null: none. */
  numbers: (number | null)[];
  receivedMicros: bigint | null;
  /** JSON; null: the mapping names none. */
  attributes: string | null;
  /** Its bytes. */
  bytes: Buffer;
}

/** Microseconds. */
const POSTGRES_EPOCH = 946_684_800_000_000n;
/** Latitude and longitude come first. */
const NUMBERS = 2 + NUMBER_FIELD_NAMES.length;

/** Reads tuples of POSITION_COLUMNS. */
export function* arrivedTuples(bytes: Buffer): Generator<ArrivedTuple> {
  let at = 0;
  const field = (): Buffer | null => {
    const length = bytes.readInt32BE(at);
    at += 4 + Math.max(0, length);
    return length < 0 ? null : bytes.subarray(at - length, at);
  };
  const micros = (): bigint | null => {
    const value = field();
    return value === null ? null : value.readBigInt64BE() + POSTGRES_EPOCH;
  };
  while (at < bytes.length) {
    const start = at;
    // The number of fields, and the vehicle, which is always the same here.
    at += 2;
    field();
    const time = micros()!;
    const id = String(field()!.readBigInt64BE());
    const numbers = Array.from({ length: NUMBERS }, () => field()?.readDoubleBE() ?? null);
    const receivedMicros = micros();
    field();
    const attributes = field()?.toString('utf8', 1) ?? null;
    yield { id, micros: time, numbers, receivedMicros, attributes, bytes: bytes.subarray(start, at) };
  }
}

/** Fifteen hex digits, the same however PostgreSQL has kept the row: it sorts the keys of a jsonb. */
export function hashOf({ id, micros, numbers, receivedMicros, attributes }: Omit<ArrivedTuple, 'bytes'>): string {
  const parts = [id, micros, ...numbers.map(digits), receivedMicros ?? '~', sorted(attributes)];
  return createHash('md5').update(parts.join('\u001f')).digest('hex').slice(0, 15);
}

const digits = (value: number | null): string => (value === null ? '~' : Object.is(value, -0) ? '-0' : String(value));

function sorted(attributes: string | null): string {
  if (attributes === null) return '~';
  return JSON.stringify(JSON.parse(attributes), (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
}
