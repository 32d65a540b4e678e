import type { Queryable } from '../connections/postgres.ts';
import type { WorkerStatus } from './progress.ts';
import type { SliceOfVehicle } from './vehicle-syncs.ts';
import { RUNNING_MS } from './work-claims.ts';

/** The time for which a worker slot held a vehicle or a slice. A claim that was put back leaves none: its row waits for another slot. */
export interface TimelineBar {
  slot: number;
  /** Counts what the slot claimed; with the slot it names the bar in its run. */
  sequence: number;
  vehicle: { vehicleId: string; label: string } | null;
  slice: SliceOfVehicle | null;
  status: WorkerStatus;
  startedAt: Date;
  /** null: the slot holds it now. */
  endedAt: Date | null;
  /** How much of that time was work; the rest was waiting for a permit, a retry or a worker. */
  workedMs: number;
  rows: number;
  plannedRows: number;
  error: string | null;
}

export interface TimelineFilter {
  limit: number;
  /** Only bars above this place, the last of the page before. */
  after: Pick<TimelineBar, 'slot' | 'sequence'> | null;
  /** Only bars that are open, or have ended since. */
  since: Date | null;
}

/** A bar ends with a time from within its transaction, which may be seen some seconds later. */
const SEEN_LATE = `interval '10 seconds'`;
const BAR = `slot, sequence, status, claimed_at, settled_at, worked_ms + ${RUNNING_MS} AS worked, rows, planned_rows, failure_code`;

/** A page of a run's bars by slot and sequence, and what to send as `since` for the changes after it. */
export async function readTimeline(
  database: Queryable,
  runId: string,
  { limit, after, since }: TimelineFilter,
): Promise<{ bars: TimelineBar[]; since: Date }> {
  const { rows: clock } = await database.query<{ since: Date }>(`SELECT now() - ${SEEN_LATE} AS since`);
  const { rows: bars } = await database.query<TimelineBar>(
    `SELECT slot, sequence::float8, vehicle, slice, status, claimed_at AS "startedAt", settled_at AS "endedAt", worked::float8 AS "workedMs",
            rows::float8, planned_rows::float8 AS "plannedRows", failure_code AS error
       FROM (
         SELECT ${BAR}, jsonb_build_object('vehicleId', vehicle_id::text, 'label', label) AS vehicle, NULL::jsonb AS slice
           FROM vehicle_syncs JOIN vehicles ON vehicles.id = vehicle_id WHERE run_id = $1 AND slot IS NOT NULL
         UNION ALL
         SELECT ${BAR}, NULL, jsonb_build_object('serverId', server_id, 'table', table_name, 'number', number, 'of', slices)
           FROM (SELECT slice.*, read.table_name, read.slices FROM table_slices AS slice JOIN table_reads AS read ON read.id = slice.read_id
                  WHERE slice.run_id = $1 AND slice.slot IS NOT NULL) AS slice) AS bar
      WHERE ($2::timestamptz IS NULL OR settled_at IS NULL OR settled_at >= $2)
        AND ($3::integer IS NULL OR (slot, sequence) > ($3, $4::bigint))
      ORDER BY slot, sequence LIMIT $5`,
    [runId, since, after?.slot ?? null, after?.sequence ?? null, limit],
  );
  return { bars, since: clock[0]!.since };
}
