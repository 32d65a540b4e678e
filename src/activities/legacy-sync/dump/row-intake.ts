import type { RefusedRow } from '../../../records/quarantine.ts';
import type { SeenRows } from '../../../records/synced-vehicles.ts';
import type { ColumnMapping } from '../../../settings/column-mapping.ts';
import type { ValuePolicy } from '../../../settings/legacy-server.ts';
import { type CopyBuffer, createCopyBuffer, takeBytes } from './copy-buffer.ts';
import { FLAGS, type FlagName } from './flags.ts';
import { type QuarantineReason, WITHOUT_FIX } from './quarantine-reason.ts';
import { createLaneFinder, type LaneFinder } from './lane-finder.ts';
import { createRowConverter, type RowConverter } from './row-converter.ts';
import type { RowPlan } from './row-plan.ts';
import { readRowId, type RowId, shownId } from './row-id.ts';
import type { RowScan } from './row-scanner.ts';
import { isSameVehicle, type VehicleKey, vehicleKey } from './same-vehicle.ts';
import {
  countsOf,
  createLane,
  isNew,
  isOverlap,
  isWanted,
  noteRow,
  see,
  type VehicleCounts,
  type VehicleLane,
  type WantedRows,
} from './vehicle-lane.ts';
import { createZoneClock, type ZoneClock } from './zone-clock.ts';

interface DumpOptions {
  columns: ColumnMapping;
  values: ValuePolicy;
  /** IANA name; for every column but TIMESTAMP. */
  timeZone: string;
  /** Milliseconds since 1970. */
  now: () => number;
}

/** A dump of one vehicle's rows: any other row in it makes it corrupt. */
export interface VehicleIntakeOptions extends DumpOptions, WantedRows {}

/** A dump of a table's rows: of those with fromId <= id <= toId, and of nothing else, it may have any. */
export interface TableIntakeOptions extends DumpOptions {
  fromId: bigint;
  toId: bigint;
  vehicles: readonly WantedRows[];
}

export type IntakeOptions = VehicleIntakeOptions | TableIntakeOptions;

export interface ConverterSummary {
  rows: number;
  /** Above the watermark, those in quarantine included as far as their id is readable. */
  newRows: number;
  fresh: number;
  overlap: number;
  quarantined: number;
  /** Without coordinates, where the server's values say to skip such rows: they are counted and kept nowhere. */
  withoutFix: number;
  /** Of other vehicles, or outside of what is wanted of their own; only in the dump of a table. */
  skipped: number;
  seen: SeenRows;
  /** Of the rows taken; ISO 8601. */
  minTime: string | null;
  maxTime: string | null;
  flags: Record<FlagName, number>;
  /** Days since 1970 (UTC) on which rows of the overlap lie. */
  overlapDays: ReadonlySet<number>;
}

/** Takes rows in, one by one, and keeps what became of them until it is fetched. */
export interface RowIntake {
  usePlan(plan: RowPlan): void;
  /** `from` and `to` enclose the row with its brackets. Returns what makes the dump corrupt, or null. */
  take(row: RowScan, from: number, to: number): string | null;
  /** A row above maxRowBytes, of which `head` is the beginning. */
  takeTooLarge(row: RowScan, head: Buffer): string | null;
  /** Bytes of whole tuples of TUPLE_COLUMNS, in binary COPY's format without its header and trailer. */
  takeFresh(): Buffer;
  takeOverlap(): Buffer;
  takeQuarantined(): RefusedRow<QuarantineReason>[];
  pending(): { fresh: number; overlap: number; quarantined: number };
  summary(): ConverterSummary;
  /** Rows taken so far, of whatever fate. */
  rows(): number;
  /** What became of each vehicle's rows, by vehicle id; of those that the dump has a row of. */
  vehicles(): Map<string, VehicleCounts>;
  /** Vehicles whose rows cannot be told for certain in the dump of a table. */
  ambiguous(): ReadonlySet<string>;
}

const DAY = 86_400;

interface Intake {
  options: IntakeOptions;
  /** The only vehicle of the dump; null for the dump of a table. */
  only: VehicleLane | null;
  finder: LaneFinder;
  /** Which ids the dump may have. */
  range: VehicleLane;
  clock: ZoneClock;
  /** Of the only vehicle; null where the table is its own. */
  vehicle: VehicleKey | null;
  plan: RowPlan | null;
  convert: RowConverter | null;
  fresh: CopyBuffer;
  overlap: CopyBuffer;
  quarantined: RefusedRow<QuarantineReason>[];
  quarantinedBytes: number;
  rows: number;
  skipped: number;
  flagCounts: Float64Array;
  overlapDays: Set<number>;
  lastDay: number;
  minSeconds: number;
  maxSeconds: number;
  id: RowId;
}

const isOfTable = (options: IntakeOptions): options is TableIntakeOptions => 'vehicles' in options;

export function createRowIntake(options: IntakeOptions): RowIntake {
  const finder = createLaneFinder(isOfTable(options) ? options.vehicles : []);
  const only = isOfTable(options) ? null : createLane(options);
  const intake: Intake = {
    options,
    only,
    finder,
    range: only ?? createLane(rangeOf(options)),
    clock: createZoneClock(options.timeZone),
    vehicle: only === null || only.wanted.legacyVehicleId === null ? null : vehicleKey(only.wanted.legacyVehicleId),
    plan: null,
    convert: null,
    fresh: createCopyBuffer(),
    overlap: createCopyBuffer(),
    quarantined: [],
    quarantinedBytes: 0,
    rows: 0,
    skipped: 0,
    flagCounts: new Float64Array(16),
    overlapDays: new Set(),
    lastDay: Number.NaN,
    minSeconds: Number.POSITIVE_INFINITY,
    maxSeconds: Number.NEGATIVE_INFINITY,
    id: { value: 0, high: 0, low: 0 },
  };
  return {
    usePlan: (plan) => usePlan(intake, plan),
    take: (row, from, to) => takeRow(intake, row, from, to),
    takeTooLarge: (row, head) => takeTooLarge(intake, row, head),
    takeFresh: () => takeBytes(intake.fresh),
    takeOverlap: () => takeBytes(intake.overlap),
    takeQuarantined: () => takeQuarantined(intake),
    pending: () => ({
      fresh: intake.fresh.length,
      overlap: intake.overlap.length,
      quarantined: intake.quarantinedBytes,
    }),
    summary: () => summaryOf(intake),
    rows: () => intake.rows,
    vehicles: () =>
      new Map(
        lanesOf(intake).flatMap((lane) => (lane.counts.rows > 0 ? [[lane.wanted.vehicleId, countsOf(lane)]] : [])),
      ),
    ambiguous: finder.ambiguous,
  };
}

const rangeOf = ({ fromId, toId }: Pick<WantedRows, 'fromId' | 'toId'>): WantedRows => ({
  vehicleId: '0',
  legacyVehicleId: null,
  fromId,
  toId,
  watermark: 0n,
  seenFromId: 0n,
});

const lanesOf = ({ only, finder }: Intake): readonly VehicleLane[] => (only === null ? finder.lanes : [only]);

function usePlan(intake: Intake, plan: RowPlan): void {
  const { options, clock } = intake;
  const { values } = options;
  const latestSeconds = (options.now() + values.futureToleranceMs) / 1000;
  intake.plan = plan;
  intake.convert = createRowConverter({ plan, values, clock, latestSeconds });
}

function takeRow(intake: Intake, row: RowScan, from: number, to: number): string | null {
  const { plan, convert, id, vehicle } = intake;
  if (plan === null || convert === null) return 'a row before its INSERT';
  intake.rows++;
  const readable = readRowId(row, plan.id, id);
  if (readable && !isWanted(intake.range, id.value)) return outOfRange(intake, id.value);
  const lane = intake.only ?? intake.finder.find(row, plan.vehicle);
  if (lane === null || (readable && !isWanted(lane, id.value))) {
    intake.skipped++;
    return null;
  }
  lane.counts.rows++;
  if (!readable) {
    see(lane, null);
    return setAside(intake, lane, row, { reason: 'InvalidId', column: plan.columns[plan.id]!, from, to });
  }
  if (vehicle !== null && !isSameVehicle(row, plan.vehicle, vehicle)) {
    return `a row of another vehicle, with id ${id.value}`;
  }
  return convertRow(intake, lane, row, from, to);
}

function convertRow(intake: Intake, lane: VehicleLane, row: RowScan, from: number, to: number): null {
  const { id } = intake;
  const overlaps = isOverlap(lane, id.value);
  see(lane, id.value);
  if (isNew(lane, id.value)) lane.newRows++;
  const { before, counts } = lane;
  const ordered = Number.isFinite(before.seconds) && id.value >= before.id ? before : null;
  const out = overlaps ? intake.overlap : intake.fresh;
  const { reason, column, flags, seconds } = intake.convert!(row, lane, id, ordered, out);
  if (reason !== null && intake.options.values.withoutFix === 'skip' && WITHOUT_FIX.has(reason)) {
    counts.withoutFix++;
    return null;
  }
  if (reason !== null) return setAside(intake, lane, row, { reason, column, from, to });
  if (overlaps) counts.overlap++;
  else counts.fresh++;
  note(intake, seconds, flags, overlaps);
  noteRow(lane, id.value, seconds);
  return null;
}

/** A row in the dump of a table may be so large that its vehicle was cut off, and nobody knows whose it is. Read vehicle by vehicle, that is known. */
function takeTooLarge(intake: Intake, row: RowScan, head: Buffer): string | null {
  const { plan, only } = intake;
  intake.rows++;
  const shown = shownId(row, plan?.id ?? -1);
  const id = shown === null ? null : BigInt(shown);
  if (id !== null && !isWanted(intake.range, id)) return outOfRange(intake, id);
  if (only === null && plan!.vehicle >= row.recorded)
    return 'a row above values.maxRowBytes that does not show its vehicle';
  const lane = only ?? intake.finder.find(row, plan!.vehicle);
  if (lane === null || (id !== null && !isWanted(lane, id))) {
    intake.skipped++;
    return null;
  }
  lane.counts.rows++;
  see(lane, id);
  if (id !== null && isNew(lane, id)) lane.newRows++;
  return setAside(intake, lane, row, { reason: 'RowTooLarge', column: null, from: 0, to: head.length });
}

interface SetAside {
  reason: QuarantineReason;
  column: string | null;
  from: number;
  to: number;
}

function setAside(intake: Intake, lane: VehicleLane, row: RowScan, { reason, column, from, to }: SetAside): null {
  const raw = Buffer.from(row.source.subarray(from, to));
  const legacyId = shownId(row, intake.plan?.id ?? -1);
  intake.quarantined.push({ vehicleId: lane.wanted.vehicleId, legacyId, reason, column, raw });
  // The row's own object weighs something too.
  intake.quarantinedBytes += raw.length + 200;
  lane.counts.quarantined++;
  return null;
}

function takeQuarantined(intake: Intake): RefusedRow<QuarantineReason>[] {
  const rows = intake.quarantined;
  intake.quarantined = [];
  intake.quarantinedBytes = 0;
  return rows;
}

function note(intake: Intake, seconds: number, flags: number, overlaps: boolean): void {
  const { flagCounts } = intake;
  if (seconds < intake.minSeconds) intake.minSeconds = seconds;
  if (seconds > intake.maxSeconds) intake.maxSeconds = seconds;
  for (let bits = flags; bits !== 0; bits &= bits - 1) flagCounts[31 - Math.clz32(bits & -bits)]!++;
  if (overlaps) {
    const day = Math.floor(seconds / DAY);
    if (day !== intake.lastDay) intake.overlapDays.add(day);
    intake.lastDay = day;
  }
}

const outOfRange = ({ options: { fromId, toId } }: Intake, id: number | bigint): string =>
  `a row with id ${id}, outside of ${fromId} to ${toId}`;

function summaryOf(intake: Intake): ConverterSummary {
  const sums = { newRows: 0, fresh: 0, overlap: 0, quarantined: 0, withoutFix: 0 };
  for (const { counts, newRows } of lanesOf(intake)) {
    sums.newRows += newRows;
    sums.fresh += counts.fresh;
    sums.overlap += counts.overlap;
    sums.quarantined += counts.quarantined;
    sums.withoutFix += counts.withoutFix;
  }
  return {
    rows: intake.rows,
    ...sums,
    skipped: intake.skipped,
    seen: { ...(intake.only?.seen ?? { rows: 0, idSum: null }) },
    minTime: isoTime(intake.minSeconds),
    maxTime: isoTime(intake.maxSeconds),
    flags: namedFlags(intake.flagCounts),
    overlapDays: intake.overlapDays,
  };
}

const isoTime = (seconds: number): string | null =>
  Number.isFinite(seconds) ? new Date(seconds * 1000).toISOString() : null;

function namedFlags(counts: Float64Array): Record<FlagName, number> {
  const entries = Object.entries(FLAGS).map(([name, bit]) => [name, counts[Math.log2(bit)]!]);
  return Object.fromEntries(entries) as Record<FlagName, number>;
}
