import { addId } from './id-sum.ts';
import type { RowMark, SeenRows } from '../../../records/synced-vehicles.ts';
import type { RowBefore } from './position-time.ts';

/** Which rows of a vehicle are wanted, and how they are told apart. */
export interface WantedRows {
  vehicleId: string;
  /** Value of the mapping's vehicle column; null where the table is the vehicle's own. */
  legacyVehicleId: string | null;
  /** Rows with fromId <= id <= toId are wanted, nothing else. */
  fromId: bigint;
  /** Rows up to here are the overlap. */
  watermark: bigint;
  /** Rows above it are counted as new; default: the watermark. It lies below where all rows are loaded as those of an overlap are. */
  newAbove?: bigint;
  toId: bigint;
  /** Rows above it are what was `seen`. */
  seenFromId: bigint;
}

/** What became of a vehicle's rows in a dump. */
export interface VehicleCounts {
  rows: number;
  fresh: number;
  overlap: number;
  quarantined: number;
  /** Without coordinates, where the server's values say to skip such rows. */
  withoutFix: number;
  /** Above the watermark, those in quarantine included as far as their id is readable. */
  newRows: number;
  /** Of the rows above seenFromId. */
  seen: SeenRows;
  /** An id that two of its rows have which are not the same; null: none was found. */
  repeatedId: string | null;
  /** The rows with the highest ids that were converted, the highest first. */
  marks: RowMark[];
}

/** What is known of one vehicle while a dump is read. One is made per vehicle, and none per row. */
export interface VehicleLane {
  readonly wanted: WantedRows;
  /** The vehicle's id as the two halves that binary COPY wants. */
  readonly high: number;
  readonly low: number;
  /** The bounds as doubles. */
  readonly bounds: { from: number; watermark: number; newAbove: number; seenFrom: number; to: number };
  readonly counts: { rows: number; fresh: number; overlap: number; quarantined: number; withoutFix: number };
  newRows: number;
  readonly seen: SeenRows;
  /** The row with the highest id so far, and the one that was it before. */
  readonly before: RowBefore;
  readonly earlier: RowBefore;
  repeatedId: number | bigint | null;
}

const NO_ROW: RowBefore = { id: Number.NEGATIVE_INFINITY, seconds: Number.NEGATIVE_INFINITY };

/** Below all ids. */
const LOWEST = -(2n ** 63n);

/** A bound at the lowest ids takes in the rows with ids of 0 and below, because no other range reads them. */
const withLowest = ({ newAbove, ...wanted }: WantedRows): WantedRows => ({
  ...wanted,
  fromId: wanted.fromId <= 1n ? LOWEST : wanted.fromId,
  watermark: wanted.watermark <= 0n ? LOWEST : wanted.watermark,
  seenFromId: wanted.seenFromId <= 0n ? LOWEST : wanted.seenFromId,
  ...(newAbove === undefined ? {} : { newAbove: newAbove <= 0n ? LOWEST : newAbove }),
});

export function createLane(given: WantedRows): VehicleLane {
  const wanted = withLowest(given);
  const vehicleId = BigInt(wanted.vehicleId);
  return {
    wanted,
    high: Number(BigInt.asIntN(32, vehicleId >> 32n)),
    low: Number(BigInt.asIntN(32, vehicleId)),
    bounds: {
      from: Number(wanted.fromId),
      watermark: Number(wanted.watermark),
      newAbove: Number(wanted.newAbove ?? wanted.watermark),
      seenFrom: Number(wanted.seenFromId),
      to: Number(wanted.toId),
    },
    counts: { rows: 0, fresh: 0, overlap: 0, quarantined: 0, withoutFix: 0 },
    newRows: 0,
    seen: { rows: 0, idSum: 0 },
    before: { ...NO_ROW },
    earlier: { ...NO_ROW },
    repeatedId: null,
  };
}

/**
 * Numbers are compared with numbers and bigints with bigints: mixed, a comparison is slow, three times per row. Ids that are numbers
 * have at most 15 digits, so a bound that a double does not hold exactly still lies on the right side of them.
 */
export const isWanted = ({ bounds, wanted }: VehicleLane, id: number | bigint): boolean =>
  typeof id === 'number' ? id >= bounds.from && id <= bounds.to : id >= wanted.fromId && id <= wanted.toId;

export const isOverlap = ({ bounds, wanted }: VehicleLane, id: number | bigint): boolean =>
  typeof id === 'number' ? id <= bounds.watermark : id <= wanted.watermark;

export const isNew = ({ bounds, wanted }: VehicleLane, id: number | bigint): boolean =>
  typeof id === 'number' ? id > bounds.newAbove : id > (wanted.newAbove ?? wanted.watermark);

/** Counts a row among those seen, if its id lies there; null: it has none that can be read. */
export function see(lane: VehicleLane, id: number | bigint | null): void {
  const { seen, bounds, wanted } = lane;
  if (typeof id === 'number' ? id <= bounds.seenFrom : id !== null && id <= wanted.seenFromId) return;
  seen.rows++;
  seen.idSum = id === null || seen.idSum === null ? null : addId(seen.idSum, id);
}

/** Notes a row that was converted. Rows come by id, so two of one id come one behind the other; those that do not are found when they are merged. */
export function noteRow(lane: VehicleLane, id: number | bigint, seconds: number): void {
  const { before, earlier } = lane;
  if (id > before.id) {
    earlier.id = before.id;
    earlier.seconds = before.seconds;
    before.id = id;
    before.seconds = seconds;
  } else if (id === before.id && seconds !== before.seconds) lane.repeatedId ??= id;
}

export const countsOf = ({ counts, newRows, seen, before, earlier, repeatedId }: VehicleLane): VehicleCounts => ({
  ...counts,
  newRows,
  seen: { ...seen },
  repeatedId: repeatedId === null ? null : String(repeatedId),
  marks: [before, earlier].flatMap(({ id, seconds }): RowMark[] =>
    Number.isFinite(seconds) ? [[String(id), seconds]] : [],
  ),
});
