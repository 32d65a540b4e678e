import type { TableSpan } from '../../../records/legacy-tables.ts';
import type { PlannedRead } from '../../../records/table-reads.ts';
import type { PlannedVehicle } from '../../../records/vehicle-syncs.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { type Span, cutIntoSlices } from './cut-into-slices.ts';

export interface ReadsRequest {
  /** Vehicles by table, those that may be read together. */
  vehicles: ReadonlyMap<string, readonly PlannedVehicle[]>;
  tables: ReadonlyMap<string, TableSpan>;
  settings: Pick<LegacySyncSettings, 'exportUnit' | 'tableMinVehicles' | 'overlapIds' | 'rangeRows'>;
  workers: number;
}

/**
 * CPU milliseconds, all processes together; docs/decisions/0024 says how they were measured. What counts is how they compare: a vehicle by itself
 * costs a child workflow and a session; a slice costs that once; each row costs less where the table is read in the order it is stored in.
 */
const COST = {
  vehicle: 105,
  ownRow: 0.0157,
  slice: 190,
  wantedRow: 0.0125,
  strangeRow: 0.004,
  member: 0.6,
};

/** Which vehicles are read together, and in which slices of their table. The others are read by themselves. */
export function planReads(request: ReadsRequest): PlannedRead[] {
  const { vehicles, tables, settings } = request;
  if (settings.exportUnit === 'vehicle') return [];
  return [...vehicles].flatMap(([table, candidates]) => {
    const span = tables.get(table);
    if (span === undefined || candidates.length < 2) return [];
    const together = chooseTogether(candidates, span, settings);
    if (settings.exportUnit === 'auto') {
      if (together.members.length < settings.tableMinVehicles) return [];
      const apart = sum(together.members, ({ newRows }) => COST.vehicle + newRows * COST.ownRow);
      if (together.cost >= apart) return [];
    }
    return [readOf(table, together.members, { span, ...request })];
  });
}

interface Together {
  members: PlannedVehicle[];
  /** Of reading the members together. */
  cost: number;
}

/**
 * Vehicles stand at nearly the same id, and some are far behind. The further down the table is read, the more of them it serves, and the more
 * rows it takes: of all places to begin at, the cheapest. Those that are still further behind are read by themselves.
 */
function chooseTogether(
  candidates: readonly PlannedVehicle[],
  span: TableSpan,
  settings: ReadsRequest['settings'],
): Together {
  const byPlace = [...candidates].sort((one, other) => compare(BigInt(other.fromId), BigInt(one.fromId)));
  let best = { count: byPlace.length, cost: Number.POSITIVE_INFINITY, together: 0 };
  let apart = sum(byPlace, ({ newRows }) => COST.vehicle + newRows * COST.ownRow);
  let wanted = 0;
  let toId = 0n;
  byPlace.forEach((vehicle, index) => {
    wanted += vehicle.newRows;
    apart -= COST.vehicle + vehicle.newRows * COST.ownRow;
    const maxId = BigInt(vehicle.maxId);
    if (maxId > toId) toId = maxId;
    const read = rowsBetween(
      span,
      spanOf(span, BigInt(vehicle.fromId), { toId, overlapIds: settings.overlapIds }),
      wanted,
    );
    const slices = Math.max(1, Math.ceil(read / settings.rangeRows));
    const together =
      slices * COST.slice + wanted * COST.wantedRow + (read - wanted) * COST.strangeRow + (index + 1) * COST.member;
    if (index > 0 && together + apart < best.cost) best = { count: index + 1, cost: together + apart, together };
  });
  return { members: byPlace.slice(0, best.count), cost: best.together };
}

function readOf(
  table: string,
  members: readonly PlannedVehicle[],
  { span, settings, workers }: { span: TableSpan } & Pick<ReadsRequest, 'settings' | 'workers'>,
): PlannedRead {
  const { overlapIds, rangeRows } = settings;
  const fromId = members.map((member) => BigInt(member.fromId)).reduce((one, other) => (one < other ? one : other));
  const toId = members.map((member) => BigInt(member.maxId)).reduce((one, other) => (one > other ? one : other));
  const whole = spanOf(span, fromId, { toId, overlapIds });
  const rows = rowsBetween(
    span,
    whole,
    sum(members, ({ newRows }) => newRows),
  );
  const slices = cutIntoSlices(whole, { rows, rangeRows, workers });
  return { table, vehicleIds: members.map(({ vehicleId }) => vehicleId), overlapIds, slices };
}

/** From the overlap of the vehicle furthest behind; no further down than the table has rows. */
function spanOf(
  { minId }: TableSpan,
  fromId: bigint,
  { toId, overlapIds }: { toId: bigint; overlapIds: number },
): Span {
  const below = fromId - BigInt(overlapIds);
  const lowest = minId > 0n ? minId - 1n : 0n;
  const from = below > lowest ? below : lowest;
  return { fromId: from < toId ? from : toId - 1n, toId };
}

/** As dense as the table is as a whole, and never fewer than are wanted. */
function rowsBetween({ minId, maxId, rows }: TableSpan, { fromId, toId }: Span, wanted: number): number {
  const ids = Number(toId - fromId);
  const density = rows === 0 ? 1 : Math.min(1, rows / Math.max(1, Number(maxId - minId + 1n)));
  return Math.max(wanted, Math.ceil(ids * density));
}

const compare = (one: bigint, other: bigint): number => (one < other ? -1 : one > other ? 1 : 0);
const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
