import { FAILURES } from '../errors.ts';
import type { Queryable } from '../connections/postgres.ts';

/** Sums of one run, or of several. */
export interface KpiSums {
  runs: number;
  durationMs: number;
  slotMs: number;
  busySlotMs: number;
  vehicles: number;
  upToDate: number;
  synced: number;
  syncedSlotMs: number;
  failed: number;
  serverFailures: number;
  inserted: number;
  bytes: number;
}

/** The key figures of the sync. null: nothing to divide by, as in a run in which nothing was new. */
export interface Kpis {
  /** Busy slot-seconds over slot-seconds. A slot is busy from its claim of a vehicle or slice to the end of that. */
  workerUtilisation: number | null;
  /** Slot-seconds of what ended well, over the vehicles that were synced. */
  secondsPerVehicle: number | null;
  vehiclesPerHour: number | null;
  /** Share of the planned vehicles that did not fail, those without news included. */
  successRate: number | null;
  /** Share of the vehicles with news that did not fail for their server: its SSH, its login, its MySQL. */
  sshHealth: number | null;
  /** 10⁶ bytes on the wire, by second of the runs. */
  megabytesPerSecond: number | null;
  rowsPerSecond: number | null;
}

const over = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);

/** The one place that has the formulas; docs/operations.md tells them. */
export function kpisOf(sums: KpiSums): Kpis {
  const { durationMs, vehicles, upToDate } = sums;
  const withNews = vehicles - upToDate;
  return {
    workerUtilisation: over(sums.busySlotMs, sums.slotMs),
    secondsPerVehicle: over(sums.syncedSlotMs / 1_000, sums.synced),
    vehiclesPerHour: over(3_600_000 * sums.synced, durationMs),
    successRate: over(vehicles - sums.failed, vehicles),
    sshHealth: over(withNews - sums.serverFailures, withNews),
    megabytesPerSecond: over(sums.bytes / 1_000, durationMs),
    rowsPerSecond: over(1_000 * sums.inserted, durationMs),
  };
}

const OF_THE_SERVER = Object.entries(FAILURES).flatMap(([code, { infrastructure }]) => (infrastructure ? [code] : []));

/**
 * Writes the sums of a run that has ended, from its rows; once more when it is finished after it was taken for lost. A vehicle that was read with
 * its table has no slot: its slices have. Where a slot's number is the highest, that many slots were open, for as long as the run lasted.
 */
export async function recordRunKpis(client: Queryable, runId: string): Promise<void> {
  await client.query(
    `INSERT INTO run_kpis (run_id, ended_at, duration_ms, slots, slot_ms, busy_slot_ms, vehicles, up_to_date, synced, synced_slot_ms, failed,
                           server_failures, inserted, bytes, work_by_slot)
     WITH work AS (
       SELECT slot, status, extract(epoch FROM settled_at - claimed_at) * 1000 AS ms FROM (
         SELECT slot, status, claimed_at, settled_at FROM vehicle_syncs WHERE run_id = $1
         UNION ALL SELECT slot, status, claimed_at, settled_at FROM table_slices WHERE run_id = $1) AS each
        WHERE slot IS NOT NULL AND claimed_at IS NOT NULL AND settled_at IS NOT NULL),
     slots AS (SELECT slot, count(*) AS works, count(*) FILTER (WHERE status = 'failed') AS failed FROM work GROUP BY slot),
     worked AS (SELECT coalesce(max(slot), 0) AS slots, coalesce(sum(ms), 0) AS busy, coalesce(sum(ms) FILTER (WHERE status = 'completed'), 0) AS well FROM work),
     synced AS (SELECT count(*) AS vehicles, count(*) FILTER (WHERE status = 'completed') AS completed, count(*) FILTER (WHERE status = 'failed') AS failed,
                       count(*) FILTER (WHERE failure_code = ANY($2)) AS of_server, coalesce(sum(inserted), 0) AS inserted, coalesce(sum(bytes), 0) AS bytes
                  FROM vehicle_syncs WHERE run_id = $1)
     SELECT $1, finished_at, ms, worked.slots, ms * worked.slots, busy, synced.vehicles + up_to_date, up_to_date, completed, well, synced.failed, of_server,
            inserted, bytes,
            (SELECT coalesce(jsonb_object_agg(slot, jsonb_build_object('works', works, 'failed', slots.failed)), '{}') FROM slots)
       FROM sync_runs AS run, LATERAL (SELECT extract(epoch FROM finished_at - started_at) * 1000 AS ms) AS lasted, worked, synced
      WHERE run.run_id = $1 AND finished_at IS NOT NULL
     ON CONFLICT (run_id) DO UPDATE SET ended_at = EXCLUDED.ended_at, duration_ms = EXCLUDED.duration_ms, slots = EXCLUDED.slots, slot_ms = EXCLUDED.slot_ms,
       busy_slot_ms = EXCLUDED.busy_slot_ms, vehicles = EXCLUDED.vehicles, up_to_date = EXCLUDED.up_to_date, synced = EXCLUDED.synced,
       synced_slot_ms = EXCLUDED.synced_slot_ms, failed = EXCLUDED.failed, server_failures = EXCLUDED.server_failures, inserted = EXCLUDED.inserted,
       bytes = EXCLUDED.bytes, work_by_slot = EXCLUDED.work_by_slot`,
    [runId, OF_THE_SERVER],
  );
}

/** Runs that somebody cancelled say nothing of the fleet. */
const COUNTED = `(SELECT kpi.*, run.workflow_id FROM run_kpis AS kpi JOIN sync_runs AS run USING (run_id)
  WHERE run.state <> 'cancelled' AND kpi.ended_at > now() - make_interval(secs => $1)) AS counted`;

const SUMS = `count(*)::int AS runs, coalesce(sum(duration_ms), 0)::float8 AS "durationMs", coalesce(sum(slot_ms), 0)::float8 AS "slotMs",
  coalesce(sum(busy_slot_ms), 0)::float8 AS "busySlotMs", coalesce(sum(vehicles), 0)::float8 AS vehicles, coalesce(sum(up_to_date), 0)::float8 AS "upToDate",
  coalesce(sum(synced), 0)::float8 AS synced, coalesce(sum(synced_slot_ms), 0)::float8 AS "syncedSlotMs", coalesce(sum(failed), 0)::float8 AS failed,
  coalesce(sum(server_failures), 0)::float8 AS "serverFailures", coalesce(sum(inserted), 0)::float8 AS inserted, coalesce(sum(bytes), 0)::float8 AS bytes`;

/** The runs that ended within so many seconds. */
export async function sumKpis(database: Queryable, seconds: number): Promise<KpiSums> {
  const { rows } = await database.query<KpiSums>(`SELECT ${SUMS} FROM ${COUNTED}`, [seconds]);
  return rows[0]!;
}

/** How many vehicles and slices each worker slot had in those runs, and how many of them failed. */
export async function errorsBySlot(
  database: Queryable,
  seconds: number,
): Promise<{ slot: number; works: number; failed: number }[]> {
  const { rows } = await database.query<{ slot: number; works: number; failed: number }>(
    `SELECT key::int AS slot, sum((value ->> 'works')::int)::float8 AS works, sum((value ->> 'failed')::int)::float8 AS failed
       FROM ${COUNTED}, jsonb_each(work_by_slot) GROUP BY 1 ORDER BY 1`,
    [seconds],
  );
  return rows;
}

export interface RunKpis {
  runId: string;
  workflowId: string;
  endedAt: Date;
  sums: KpiSums;
}

/** The newest of those runs, the oldest of them first. */
export async function kpisByRun(
  database: Queryable,
  { seconds, most }: { seconds: number; most: number },
): Promise<RunKpis[]> {
  const { rows } = await database.query<KpiSums & Omit<RunKpis, 'sums'>>(
    `SELECT run_id AS "runId", workflow_id AS "workflowId", ended_at AS "endedAt", ${SUMS} FROM ${COUNTED}
      GROUP BY 1, 2, 3 ORDER BY ended_at DESC LIMIT $2`,
    [seconds, most],
  );
  return rows.toReversed().map(({ runId, workflowId, endedAt, ...sums }) => ({ runId, workflowId, endedAt, sums }));
}
