import pg from 'pg';
import { inTransaction } from '../../../connections/postgres.ts';
import { unmarked } from '../../../records/extra-positions.ts';
import { addTo, type Buckets, type Day } from './buckets.ts';
import type { TargetRow } from './compare-rows.ts';
import type { RowSql } from './compared-row.ts';
import type { AskedVehicle } from './source-sql.ts';
import type { DaySpan } from './source-statements.ts';

export interface TargetAccess {
  pool: pg.Pool;
  timeZone: string;
  row: RowSql;
  days: DaySpan | null;
}

export const BEGIN = `BEGIN READ ONLY; SET LOCAL statement_timeout = '30min'; SET LOCAL jit = off; SET LOCAL extra_float_digits = 1;
  SET LOCAL idle_in_transaction_session_timeout = '5min'`;

/** What arrived of these vehicles, by day; marked rows are none. */
export async function targetBuckets(
  { pool, timeZone, row, days }: TargetAccess,
  vehicles: readonly AskedVehicle[],
): Promise<Map<string, Buckets>> {
  const found = new Map<string, Buckets>(vehicles.map(({ vehicle }) => [vehicle.id, new Map()]));
  const { rows } = await inTransaction(
    pool,
    (client) =>
      client.query<{ vehicleId: string; day: number; rows: string; sum: string; minId: string; maxId: string }>(
        `SELECT position.vehicle_id::text AS "vehicleId", ${row.day} AS day, count(*) AS rows, ${row.sum}::text AS sum,
                min(legacy_id)::text AS "minId", max(legacy_id)::text AS "maxId"
           FROM positions AS position JOIN unnest($2::bigint[], $3::bigint[]) AS asked (id, up_to) ON position.vehicle_id = asked.id
          WHERE position.vehicle_id = ANY($2) AND legacy_id <= up_to
            AND ($4::date IS NULL OR "time" >= ($4::timestamp AT TIME ZONE $1) AND "time" < ($5::timestamp AT TIME ZONE $1) + interval '1 day')
            AND ${unmarked('position')}
          GROUP BY 1, 2`,
        [timeZone, vehicles.map(({ vehicle }) => vehicle.id), vehicles.map(({ upTo }) => upTo), ...spanOf(days)],
      ),
    BEGIN,
  );
  for (const each of rows) {
    const bucket = { rows: Number(each.rows), sum: BigInt(each.sum) };
    const ids = { minId: BigInt(each.minId), maxId: BigInt(each.maxId) };
    addTo(found.get(each.vehicleId)!, each.day, { ...bucket, ...ids });
  }
  return found;
}

/** The rows of some days of a vehicle. */
export async function targetRows(
  { pool, timeZone, row }: TargetAccess,
  { vehicle, upTo }: AskedVehicle,
  days: readonly Day[],
): Promise<TargetRow[]> {
  const dated = days.filter((day) => day !== null);
  if (dated.length === 0) return [];
  const { rows } = await inTransaction(
    pool,
    (client) =>
      client.query<TargetRow>(
        `SELECT legacy_id::text AS id, ${row.day} AS day, ${row.hash} AS hash, to_char("time" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time
           FROM positions AS position
          WHERE position.vehicle_id = $2 AND legacy_id <= $3 AND ${unmarked('position')}
            AND "time" >= (date '1970-01-01' + $4::int)::timestamp AT TIME ZONE $1
            AND "time" < (date '1970-01-01' + $5::int)::timestamp AT TIME ZONE $1 + interval '1 day'
            AND ${row.day} = ANY($6::int[])`,
        [timeZone, vehicle.id, upTo, Math.min(...dated), Math.max(...dated) + 1, dated],
      ),
    BEGIN,
  );
  return rows;
}

const spanOf = (days: DaySpan | null): [string | null, string | null] =>
  days === null ? [null, null] : [dateOf(days.from), dateOf(days.to)];

/** SQL of "on these days of the zone", without parameters. */
export function timesOf({ from, to }: DaySpan, timeZone: string): string {
  const at = (day: number): string => `('${dateOf(day)}'::timestamp AT TIME ZONE ${pg.escapeLiteral(timeZone)})`;
  return `"time" >= ${at(from)} AND "time" < ${at(to)} + interval '1 day'`;
}

/** Days since 1970 as a date. */
export const dateOf = (day: number): string => new Date(day * 86_400_000).toISOString().slice(0, 10);
