import type pg from 'pg';
import { to } from 'pg-copy-streams';
import { inTransaction } from '../../../connections/postgres.ts';
import { countMarked, unmarked } from '../../../records/extra-positions.ts';
import { NUMBER_FIELDS } from '../../../settings/position-columns.ts';
import { id } from '../legacy-host/plan-statements.ts';
import type { WorkPace } from '../load/work-pace.ts';
import type { Buckets } from './buckets.ts';
import type { QuickRow } from './quick-row.ts';
import { QuickRows } from './quick-rows.ts';
import type { AskedVehicle } from './source-sql.ts';
import { BEGIN, timesOf } from './target-sql.ts';
import type { DaySpan } from './source-statements.ts';
import type { ZoneOffset } from './zone-offsets.ts';

export interface QuickTargetAccess {
  pool: pg.Pool;
  timeZone: string;
  row: QuickRow;
  offsets: readonly ZoneOffset[];
  days: DaySpan | null;
  signal: AbortSignal;
  pace: WorkPace;
  /** Of one COPY, so that a cancelled comparison ends soon and few sums are open. */
  vehiclesAtOnce?: number;
}

const VEHICLES_AT_ONCE = 20;

/** What arrived of these vehicles, by day: PostgreSQL hands the rows over, which costs it less than to hash them. */
export async function quickTargetBuckets(
  access: QuickTargetAccess,
  vehicles: readonly AskedVehicle[],
): Promise<Map<string, Buckets>> {
  const { pool, signal, vehiclesAtOnce = VEHICLES_AT_ONCE } = access;
  const ids = vehicles.map(({ vehicle }) => vehicle.id);
  const marks = (await countMarked(pool, ids)).length > 0;
  const found = new Map<string, Buckets>(ids.map((vehicleId) => [vehicleId, new Map()]));
  for (let at = 0; at < vehicles.length; at += vehiclesAtOnce) {
    signal.throwIfAborted();
    const buckets = await copied(access, copyOf(access, vehicles.slice(at, at + vehiclesAtOnce), marks));
    for (const [vehicleId, days] of buckets) found.set(vehicleId, days);
  }
  return found;
}

/** The sums of what one COPY brings. */
function copied({ pool, row, offsets, signal, pace }: QuickTargetAccess, sql: string): Promise<Map<string, Buckets>> {
  const rows = new QuickRows(row, offsets);
  return inTransaction(
    pool,
    async (client) => {
      for await (const bytes of client.query(to(sql)) as AsyncIterable<Buffer>) {
        rows.take(bytes);
        // Left in its middle, a COPY would keep its connection from ever being used again: a cancelled one is read to its end.
        await pace(signal, bytes.length).catch(() => {});
      }
      return rows.buckets;
    },
    BEGIN,
  );
}

const NUMBERS = ['latitude', 'longitude', ...Object.values(NUMBER_FIELDS).map(({ column }) => column)].join(', ');

/** A COPY takes no parameters. */
function copyOf({ row, days, timeZone }: QuickTargetAccess, vehicles: readonly AskedVehicle[], marks: boolean): string {
  const asked = vehicles.map(({ vehicle, upTo }) => `(${id(vehicle.id)}::bigint, ${id(upTo)}::bigint)`).join(', ');
  const ids = vehicles.map(({ vehicle }) => id(vehicle.id)).join(', ');
  const texts = row.texts.map((text) => `, ${text}`).join('');
  const wanted = [
    `position.vehicle_id IN (${ids})`,
    'legacy_id <= up_to',
    ...(days === null ? [] : [timesOf(days, timeZone)]),
    ...(marks ? [unmarked('position')] : []),
  ];
  return `COPY (SELECT position.vehicle_id, legacy_id, "time", flags, received_at, ${NUMBERS}${texts}
                  FROM positions AS position JOIN (VALUES ${asked}) AS asked (id, up_to) ON position.vehicle_id = asked.id
                 WHERE ${wanted.join(' AND ')}) TO STDOUT (FORMAT binary)`;
}
