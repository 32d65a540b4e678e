/** A tuple of TUPLE_COLUMNS, read back from binary COPY independently of the code that wrote it. */
export interface Tuple {
  vehicleId: bigint;
  /** Microseconds since 1970. */
  timeMicros: bigint;
  legacyId: bigint;
  latitude: number;
  longitude: number;
  speedKmh: number | null;
  headingDeg: number | null;
  altitudeM: number | null;
  receivedMicros: bigint | null;
  flags: number;
  /** The text of the jsonb. */
  attributes: string | null;
}

const POSTGRES_EPOCH_MICROS = 946_684_800_000_000n;

export function readTuples(bytes: Buffer): Tuple[] {
  const tuples: Tuple[] = [];
  let at = 0;
  const field = (): Buffer | null => {
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < 0) return null;
    if (at + length > bytes.length) throw new Error('a field goes on behind the end');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const bigint = (): bigint => field()!.readBigInt64BE();
  const double = (): number | null => field()?.readDoubleBE() ?? null;
  const micros = (): bigint | null => {
    const value = field();
    return value === null ? null : value.readBigInt64BE() + POSTGRES_EPOCH_MICROS;
  };
  while (at < bytes.length) {
    const fields = bytes.readInt16BE(at);
    if (fields !== 11) throw new Error(`a tuple of ${fields} fields`);
    at += 2;
    tuples.push({
      vehicleId: bigint(),
      timeMicros: micros()!,
      legacyId: bigint(),
      latitude: double()!,
      longitude: double()!,
      speedKmh: double(),
      headingDeg: double(),
      altitudeM: double(),
      receivedMicros: micros(),
      flags: field()!.readInt16BE(),
      attributes: jsonb(field()),
    });
  }
  return tuples;
}

function jsonb(value: Buffer | null): string | null {
  if (value === null) return null;
  if (value[0] !== 1) throw new Error(`jsonb of version ${value[0]}`);
  return value.toString('utf8', 1);
}
