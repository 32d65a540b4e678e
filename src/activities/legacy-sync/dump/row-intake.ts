import type { ColumnMapping, ValuePolicy } from '../../../settings/legacy-server.ts';
import { type CopyBuffer, createCopyBuffer, takeBytes } from './copy-buffer.ts';
import { FLAGS, type FlagName } from './flags.ts';
import type { RowBefore } from './position-time.ts';
import type { QuarantineReason } from './quarantine-reason.ts';
import { addId } from './id-sum.ts';
import { createRowConverter, type RowConverter } from './row-converter.ts';
import type { RowPlan } from './row-plan.ts';
import { readRowId, type RowId, shownId } from './row-id.ts';
import type { RowScan } from './row-scanner.ts';
import { isSameVehicle } from './same-vehicle.ts';
import { createZoneClock, type ZoneClock } from './zone-clock.ts';

export interface IntakeOptions {
  vehicleId: string;
  /** Value of the mapping's vehicle column; null where the table is the vehicle's own. */
  legacyVehicleId: string | null;
  columns: ColumnMapping;
  values: ValuePolicy;
  /** IANA name; for every column but TIMESTAMP. */
  timeZone: string;
  /** Rows with fromId <= id <= toId are expected, nothing else. */
  fromId: bigint;
  /** Rows up to here are the overlap. */
  watermark: bigint;
  toId: bigint;
  /** Rows above it are what was `seen`. */
  seenFromId: bigint;
  /** Milliseconds since 1970. */
  now: () => number;
}

export interface QuarantinedRow {
  /** Decimal; null when the row shows none. */
  legacyId: string | null;
  reason: QuarantineReason;
  column: string | null;
  /** The row as it stood in the dump, brackets included; of a row above maxRowBytes its first mebibyte at most. */
  raw: Buffer;
}

/** Rows above seenFromId, those in quarantine and those whose id is unreadable included. */
export interface SeenRows {
  rows: number;
  /** See id-sum.ts; null where an id is unreadable. */
  idSum: number | null;
}

export interface ConverterSummary {
  rows: number;
  /** Above the watermark, those in quarantine included as far as their id is readable. */
  newRows: number;
  fresh: number;
  overlap: number;
  quarantined: number;
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
  takeQuarantined(): QuarantinedRow[];
  pending(): { fresh: number; overlap: number; quarantined: number };
  summary(): ConverterSummary;
  /** Rows taken so far, of whatever fate. */
  rows(): number;
}

const DAY = 86_400;

interface Intake {
  options: IntakeOptions;
  /** The options' ids as doubles. */
  bounds: { from: number; watermark: number; seenFrom: number; to: number };
  clock: ZoneClock;
  plan: RowPlan | null;
  convert: RowConverter | null;
  fresh: CopyBuffer;
  overlap: CopyBuffer;
  quarantined: QuarantinedRow[];
  quarantinedBytes: number;
  counts: { rows: number; fresh: number; overlap: number; quarantined: number };
  /** Of those in quarantine. */
  newSetAside: number;
  seen: SeenRows;
  flagCounts: Float64Array;
  overlapDays: Set<number>;
  lastDay: number;
  minSeconds: number;
  maxSeconds: number;
  id: RowId;
  before: RowBefore;
}

export function createRowIntake(options: IntakeOptions): RowIntake {
  const intake: Intake = {
    options,
    bounds: {
      from: Number(options.fromId),
      watermark: Number(options.watermark),
      seenFrom: Number(options.seenFromId),
      to: Number(options.toId),
    },
    clock: createZoneClock(options.timeZone),
    plan: null,
    convert: null,
    fresh: createCopyBuffer(),
    overlap: createCopyBuffer(),
    quarantined: [],
    quarantinedBytes: 0,
    counts: { rows: 0, fresh: 0, overlap: 0, quarantined: 0 },
    newSetAside: 0,
    seen: { rows: 0, idSum: 0 },
    flagCounts: new Float64Array(16),
    overlapDays: new Set(),
    lastDay: Number.NaN,
    minSeconds: Number.POSITIVE_INFINITY,
    maxSeconds: Number.NEGATIVE_INFINITY,
    id: { value: 0, high: 0, low: 0 },
    before: { id: -1, seconds: Number.NEGATIVE_INFINITY },
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
    rows: () => intake.counts.rows,
  };
}

function usePlan(intake: Intake, plan: RowPlan): void {
  const { options, clock } = intake;
  const { values } = options;
  const latestSeconds = (options.now() + values.futureToleranceMs) / 1000;
  intake.plan = plan;
  intake.convert = createRowConverter({ vehicleId: BigInt(options.vehicleId), plan, values, clock, latestSeconds });
}

function takeRow(intake: Intake, row: RowScan, from: number, to: number): string | null {
  const { options, plan, convert, id, counts, before } = intake;
  if (plan === null || convert === null) return 'a row before its INSERT';
  counts.rows++;
  if (!readRowId(row, plan.id, id)) {
    see(intake, null);
    return setAside(intake, row, 'InvalidId', plan.columns[plan.id]!, from, to);
  }
  const stray = outOfRange(intake, id.value);
  if (stray !== null) return stray;
  if (options.legacyVehicleId !== null && !isSameVehicle(row, plan.vehicle, options.legacyVehicleId)) {
    return `a row of another vehicle, with id ${id.value}`;
  }
  const isOverlap = isUpTo(id.value, intake.bounds.watermark, options.watermark);
  if (!isUpTo(id.value, intake.bounds.seenFrom, options.seenFromId)) see(intake, id.value);
  const ordered = before.id !== -1 && id.value > before.id ? before : null;
  const out = isOverlap ? intake.overlap : intake.fresh;
  const { reason, column, flags, seconds } = convert(row, id.high, id.low, ordered, out);
  if (reason !== null) {
    if (!isOverlap) intake.newSetAside++;
    return setAside(intake, row, reason, column, from, to);
  }
  if (isOverlap) counts.overlap++;
  else counts.fresh++;
  note(intake, seconds, flags, isOverlap);
  return null;
}

function takeTooLarge(intake: Intake, row: RowScan, head: Buffer): string | null {
  intake.counts.rows++;
  const shown = shownId(row, intake.plan?.id ?? -1);
  const id = shown === null ? null : BigInt(shown);
  const stray = id === null ? null : outOfRange(intake, id);
  if (id === null || id > intake.options.seenFromId) see(intake, id);
  if (id !== null && id > intake.options.watermark) intake.newSetAside++;
  return stray ?? setAside(intake, row, 'RowTooLarge', null, 0, head.length);
}

function see({ seen }: Intake, id: number | bigint | null): void {
  seen.rows++;
  seen.idSum = id === null || seen.idSum === null ? null : addId(seen.idSum, id);
}

function setAside(
  intake: Intake,
  row: RowScan,
  reason: QuarantineReason,
  column: string | null,
  from: number,
  to: number,
): null {
  const raw = Buffer.from(row.source.subarray(from, to));
  intake.quarantined.push({ legacyId: shownId(row, intake.plan?.id ?? -1), reason, column, raw });
  // The row's own object weighs something too.
  intake.quarantinedBytes += raw.length + 200;
  intake.counts.quarantined++;
  return null;
}

function takeQuarantined(intake: Intake): QuarantinedRow[] {
  const rows = intake.quarantined;
  intake.quarantined = [];
  intake.quarantinedBytes = 0;
  return rows;
}

function note(intake: Intake, seconds: number, flags: number, isOverlap: boolean): void {
  const { id, before, flagCounts } = intake;
  if (seconds < intake.minSeconds) intake.minSeconds = seconds;
  if (seconds > intake.maxSeconds) intake.maxSeconds = seconds;
  for (let bits = flags; bits !== 0; bits &= bits - 1) flagCounts[31 - Math.clz32(bits & -bits)]!++;
  if (isOverlap) {
    const day = Math.floor(seconds / DAY);
    if (day !== intake.lastDay) intake.overlapDays.add(day);
    intake.lastDay = day;
  }
  if (id.value > before.id) {
    before.id = id.value;
    before.seconds = seconds;
  }
}

/**
 * Numbers are compared with numbers and bigints with bigints: mixed, a comparison is slow, three times per row. Ids that are numbers
 * have at most 15 digits, so a bound that a double does not hold exactly still lies on the right side of them.
 */
function outOfRange({ options: { fromId, toId }, bounds }: Intake, id: number | bigint): string | null {
  const inside = typeof id === 'number' ? id >= bounds.from && id <= bounds.to : id >= fromId && id <= toId;
  return inside ? null : `a row with id ${id}, outside of ${fromId} to ${toId}`;
}

function isUpTo(id: number | bigint, bound: number, exact: bigint): boolean {
  return typeof id === 'number' ? id <= bound : id <= exact;
}

function summaryOf(intake: Intake): ConverterSummary {
  return {
    ...intake.counts,
    newRows: intake.counts.fresh + intake.newSetAside,
    seen: { ...intake.seen },
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
