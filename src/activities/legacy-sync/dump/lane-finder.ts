import { foldVehicle, vehicleText } from './same-vehicle.ts';
import { type RowScan, VALUE } from './row-scanner.ts';
import { type VehicleLane, type WantedRows, createLane } from './vehicle-lane.ts';

/** Tells whose row it is, in the dump of a table that many vehicles share. */
export interface LaneFinder {
  readonly lanes: readonly VehicleLane[];
  /** null: of a vehicle that nobody wants. */
  find(row: RowScan, column: number): VehicleLane | null;
  /**
   * Vehicles of whose rows the bytes alone do not tell: the table has values that MySQL may take for theirs, and only its own WHERE knows.
   * Such a vehicle has to be read by itself.
   */
  ambiguous(): Set<string>;
}

interface Known {
  value: Buffer;
  lane: VehicleLane | null;
}

/** Values of vehicles that nobody wants are remembered up to here; beyond, each row is looked at anew. */
const MOST_STRANGERS = 100_000;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** @throws TypeError when a vehicle has no legacy id: then the table is its own */
export function createLaneFinder(wanted: readonly WantedRows[]): LaneFinder {
  const known = new Map<number, Known[]>();
  const ambiguous = new Set<string>();
  const byFold = new Map<string, VehicleLane[]>();
  let strangers = 0;

  const remember = (value: Buffer, lane: VehicleLane | null): void => {
    const hash = hashOf(value, 0, value.length);
    const bucket = known.get(hash);
    if (bucket) bucket.push({ value, lane });
    else known.set(hash, [{ value, lane }]);
  };

  const lanes = wanted.map((rows) => {
    if (rows.legacyVehicleId === null) throw new TypeError(`Vehicle ${rows.vehicleId} has a table of its own.`);
    const lane = createLane(rows);
    remember(Buffer.from(rows.legacyVehicleId), lane);
    const fold = foldVehicle(rows.legacyVehicleId);
    byFold.set(fold, [...(byFold.get(fold) ?? []), lane]);
    return lane;
  });
  for (const alike of byFold.values()) {
    if (alike.length > 1) for (const { wanted: rows } of alike) ambiguous.add(rows.vehicleId);
  }

  /** A value that is no wanted vehicle's byte for byte: whose it may be all the same is noted once. */
  function meet(row: RowScan, column: number): VehicleLane | null {
    for (const lane of byFold.get(foldVehicle(vehicleText(row, column))) ?? []) ambiguous.add(lane.wanted.vehicleId);
    const kind = row.kind[column];
    if ((kind === VALUE.BARE || kind === VALUE.TEXT) && strangers < MOST_STRANGERS) {
      strangers++;
      remember(Buffer.from(row.source.subarray(row.start[column], row.end[column])), null);
    }
    return null;
  }

  return {
    lanes,
    ambiguous: () => ambiguous,
    find(row, column) {
      const kind = row.kind[column]!;
      if (kind === VALUE.NULL) return null;
      const [start, end] = [row.start[column]!, row.end[column]!];
      if (kind === VALUE.BARE || kind === VALUE.TEXT) {
        const bucket = known.get(hashOf(row.source, start, end));
        if (bucket !== undefined) {
          for (const each of bucket) if (isSame(each.value, row.source, start, end)) return each.lane;
        }
      }
      return meet(row, column);
    },
  };
}

function hashOf(source: Buffer, start: number, end: number): number {
  let hash = FNV_OFFSET;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ source[at]!, FNV_PRIME);
  return hash;
}

function isSame(value: Buffer, source: Buffer, start: number, end: number): boolean {
  if (value.length !== end - start) return false;
  for (let at = 0; at < value.length; at++) if (value[at] !== source[start + at]) return false;
  return true;
}
