import type pg from 'pg';
import { inTransaction } from '../../../connections/postgres.ts';
import { quarantinedAmong } from '../../../records/quarantine.ts';
import { type ReconciledDay, writeCompared, writeDays } from '../../../records/reconciled-vehicles.ts';
import type { Vehicle } from '../../../settings/legacy-server.ts';
import { type Buckets, type Day, differingDays, rowsIn } from './buckets.ts';
import { type Bounds } from './compared-bounds.ts';
import { compareRows, type DayDifferences, type SourceRow, type TargetRow } from './compare-rows.ts';
import { findingsOf } from './findings.ts';
import { windowOf } from './read-window.ts';
import { dateOf } from './target-sql.ts';

/** The two sides of some vehicles, however they are read. */
export interface Sides {
  method: 'sql' | 'rows';
  unsaid: readonly string[];
  /** Rows of one side that are in memory at once. */
  mostRows: number;
  buckets(vehicles: readonly BoundVehicle[]): Promise<{ source: Map<string, Buckets>; target: Map<string, Buckets> }>;
  rows(asked: AskedDays): Promise<{ source: SourceRow[]; target: TargetRow[] }>;
}

/** Days of a vehicle, and between which ids the source has their rows. */
export interface AskedDays {
  bound: BoundVehicle;
  days: readonly Day[];
  there: { above: string; upTo: string; rows: number };
}

/** A vehicle with the ids that are compared. */
export interface BoundVehicle extends Bounds {
  vehicle: Vehicle;
  /** The source's highest id; 0: none. */
  sourceHighest: string;
}

/** Compares vehicles, by their days first and by rows where days differ, and writes what was found of each. */
export async function compareVehicles(
  pool: pg.Pool,
  reconciliationId: string,
  sides: Sides,
  vehicles: readonly BoundVehicle[],
): Promise<void> {
  const { source, target } = await sides.buckets(vehicles);
  for (const bound of vehicles) {
    const { id: vehicleId, watermark } = bound.vehicle;
    const [there, arrived] = [source.get(vehicleId)!, target.get(vehicleId)!];
    const differences = await differencesOf(pool, sides, bound, { there, arrived });
    const { sourceHighest, highest: targetHighest } = bound;
    await write(pool, {
      reconciliationId,
      vehicleId,
      method: sides.method,
      unsaid: sides.unsaid,
      sourceRows: rowsIn(there),
      targetRows: rowsIn(arrived),
      findings: findingsOf({ watermark, sourceHighest, targetHighest, differences }),
      days: differences.map((day) => dayOf(day, there, arrived)),
    });
  }
}

interface BothBuckets {
  there: Buckets;
  arrived: Buckets;
}

async function differencesOf(
  pool: pg.Pool,
  sides: Sides,
  bound: BoundVehicle,
  { there, arrived }: BothBuckets,
): Promise<DayDifferences[]> {
  const [source, target] = [new Map<string, SourceRow>(), [] as TargetRow[]];
  for (const days of inPieces(differingDays(there, arrived), { there, arrived }, sides.mostRows)) {
    const rows = await sides.rows({ bound, days, there: placeOf(days, there) });
    const same = new Map(rows.source.map((row) => [row.id, row]));
    // Rows that are the same are forgotten at once: what is left is compared over all days, because a row may have moved.
    for (const row of rows.target) {
      const match = same.get(row.id);
      if (match !== undefined && match.hash === row.hash && match.day === row.day) same.delete(row.id);
      else target.push(row);
    }
    for (const [id, row] of same) source.set(id, row);
  }
  const kept = await quarantinedAmong(pool, bound.vehicle.id, [...source.keys()]);
  return compareRows(source.values(), target, (id) => kept.has(id));
}

/** Days whose rows are few enough to be compared at once. */
function inPieces(days: readonly Day[], { there, arrived }: BothBuckets, mostRows: number): Day[][] {
  const pieces: Day[][] = [];
  let rows = Number.POSITIVE_INFINITY;
  for (const day of days) {
    const more = Math.max(there.get(day)?.rows ?? 0, arrived.get(day)?.rows ?? 0);
    if (rows + more > mostRows) {
      pieces.push([]);
      rows = 0;
    }
    pieces.at(-1)!.push(day);
    rows += more;
  }
  return pieces;
}

/** The ids between which the source has rows of these days. */
function placeOf(days: readonly Day[], there: Buckets): AskedDays['there'] {
  const buckets = days.flatMap((day) => there.get(day) ?? []);
  const ids = buckets.flatMap(({ minId, maxId }) => [minId, maxId]);
  const [lowest, highest] = ids.reduce(
    ([least, most], id) => [id < least ? id : least, id > most ? id : most],
    [ids[0] ?? 1n, 0n],
  );
  return { ...windowOf(lowest, highest), rows: buckets.reduce((sum, { rows }) => sum + rows, 0) };
}

function dayOf({ day, ...ids }: DayDifferences, there: Buckets, arrived: Buckets): ReconciledDay {
  const rows = { sourceRows: there.get(day)?.rows ?? 0, targetRows: arrived.get(day)?.rows ?? 0 };
  return { day: day === null ? '-infinity' : dateOf(day), ...rows, ...ids };
}

const write = (pool: pg.Pool, found: Parameters<typeof writeCompared>[1]): Promise<void> =>
  inTransaction(pool, async (client) => {
    if (await writeCompared(client, found)) await writeDays(client, found);
  });
