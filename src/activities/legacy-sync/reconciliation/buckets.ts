/** Days since 1970 of the legacy server's zone; null: rows without a time that can be read. */
export type Day = number | null;

/** The rows of a vehicle and day. */
export interface Bucket {
  rows: number;
  /** Of a hash of each row: it does not depend on their order. */
  sum: bigint;
  minId: bigint;
  maxId: bigint;
}

export type Buckets = Map<Day, Bucket>;

export function addTo(buckets: Buckets, day: Day, { rows, sum, minId, maxId }: Bucket): void {
  const known = buckets.get(day);
  if (known === undefined) {
    buckets.set(day, { rows, sum, minId, maxId });
    return;
  }
  known.rows += rows;
  known.sum += sum;
  if (minId < known.minId) known.minId = minId;
  if (maxId > known.maxId) known.maxId = maxId;
}

/** The days on which the two sides do not have the same rows. */
export function differingDays(source: Buckets, target: Buckets): Day[] {
  const days = new Set([...source.keys(), ...target.keys()]);
  return [...days].filter((day) => {
    const [one, other] = [source.get(day), target.get(day)];
    return one?.rows !== other?.rows || one?.sum !== other?.sum;
  });
}

export const rowsIn = (buckets: Buckets): number => [...buckets.values()].reduce((sum, { rows }) => sum + rows, 0);
