import { type RunState, findPlannedRun } from '../../client/run-history.ts';
import { vehicleSyncWorkflowId } from '../../workflows/legacy-sync/messages.ts';
import type { Database } from '../core/database.ts';
import { notFound } from '../core/problem.ts';

const RUNS = '/api/v1/legacy-sync/runs';

/** `planned: false`: it was started here and no worker has planned it yet, so that it is known from its start alone. */
export interface FoundRun {
  run: RunState;
  planned: boolean;
}

/** Throws NotFound. */
export async function findRun(database: Database, runId: string): Promise<FoundRun> {
  const run = await findPlannedRun(database.reader, runId);
  if (run !== null) return { run, planned: true };
  return { run: await startedRun(database, runId), planned: false };
}

async function startedRun(database: Database, runId: string): Promise<RunState> {
  const [run] = await startedRuns(database, [runId]);
  if (run === undefined) throw notFound(`run ${runId}`, RUNS);
  return { ...run, startedAt: run.startedAt.toISOString() };
}

/** Those of these runs that were started here and that no worker has planned yet. */
export async function waitingRuns(database: Database, runIds: string[]): Promise<ListedRun[]> {
  const planned = await database.rows<{ runId: string }>(
    'SELECT run_id AS "runId" FROM sync_runs WHERE run_id = ANY($1::uuid[])',
    [runIds],
  );
  const known = new Set(planned.map(({ runId }) => runId));
  return startedRuns(
    database,
    runIds.filter((runId) => !known.has(runId)),
  );
}

async function startedRuns(database: Database, runIds: string[]): Promise<ListedRun[]> {
  if (runIds.length === 0) return [];
  const rows = await database.rows<{
    runId: string;
    actor: string;
    at: Date;
    details: { workflowId: string; mode: RunState['mode'] };
  }>(
    `SELECT details ->> 'runId' AS "runId", actor, at, details FROM audit_log
      WHERE details ->> 'runId' = ANY($1) AND details ? 'runId' AND action = 'fleet-sync.started'`,
    [runIds],
  );
  const nothing = { vehicles: 0, waiting: 0, inFlight: 0, completed: 0, failed: 0, upToDate: 0 };
  const figures = { plannedRows: 0, rows: 0, bytes: 0, quarantined: 0 };
  return rows.map(({ runId, actor, at, details: { workflowId, mode } }) => ({
    runId,
    workflowId,
    state: 'running',
    paused: false,
    mode,
    requestedBy: actor,
    startedAt: at,
    finishedAt: null,
    ...nothing,
    ...figures,
  }));
}

export type ListedRun = Omit<RunState, 'startedAt'> & { startedAt: Date };

export const latestRuns = (
  database: Database,
  { limit, state, at, id }: { limit: number; state: string | null; at: string | null; id: string | null },
): Promise<ListedRun[]> =>
  database.rows(
    `SELECT r.run_id AS "runId", r.workflow_id AS "workflowId", r.state, r.paused, r.mode, r.requested_by AS "requestedBy",
            r.started_at AS "startedAt", r.finished_at AS "finishedAt", r.up_to_date AS "upToDate", v.*
       FROM (SELECT * FROM sync_runs WHERE ($2::text IS NULL OR state = $2)
                AND ($3::timestamptz IS NULL OR (date_trunc('milliseconds', started_at), run_id) < ($3, $4::uuid))
              ORDER BY date_trunc('milliseconds', started_at) DESC, run_id DESC LIMIT $1) r,
            LATERAL (SELECT count(*)::int AS vehicles, count(*) FILTER (WHERE state = 'planned')::int AS waiting,
                            count(*) FILTER (WHERE state = 'claimed')::int AS "inFlight",
                            count(*) FILTER (WHERE status = 'completed')::int AS completed,
                            count(*) FILTER (WHERE status = 'failed')::int AS failed,
                            coalesce(sum(planned_rows), 0)::float8 AS "plannedRows", coalesce(sum(rows), 0)::float8 AS rows,
                            coalesce(sum(bytes), 0)::float8 AS bytes, coalesce(sum(quarantined), 0)::float8 AS quarantined
                       FROM vehicle_syncs WHERE run_id = r.run_id) v
      ORDER BY r.started_at DESC, r.run_id DESC`,
    [limit, state, at, id],
  );

const VEHICLE = `s.vehicle_id::text AS "vehicleId", v.label, s.slot, s.state, s.status, s.planned_rows::float8 AS "plannedRows", s.rows::float8,
  s.inserted::float8, s.duplicates::float8, s.quarantined::float8, s.bytes::float8,
  (extract(epoch FROM coalesce(s.settled_at, now()) - s.claimed_at) * 1000)::float8 AS "durationMs",
  s.failure_code AS code, s.failure_message AS message`;

interface VehicleRow {
  vehicleId: string;
  settledAt?: Date;
  code: string | null;
  message: string | null;
}

export interface RunVehicle {
  vehicleId: string;
  error: { code: string; message: string } | null;
  workflowId: string;
}

const vehicleOf = <T extends VehicleRow>({ code, message, ...row }: T): Omit<T, 'code' | 'message'> & RunVehicle => ({
  ...row,
  error: code === null ? null : { code, message: message ?? '' },
  workflowId: vehicleSyncWorkflowId(row.vehicleId),
});

export async function runVehicles(
  database: Database,
  runId: string,
  { limit, after, state, status }: { limit: number; after: string | null; state: string | null; status: string | null },
): Promise<RunVehicle[]> {
  const rows = await database.rows<VehicleRow>(
    `SELECT ${VEHICLE} FROM vehicle_syncs s JOIN vehicles v ON v.id = s.vehicle_id
      WHERE s.run_id = $1 AND ($3::bigint IS NULL OR s.vehicle_id > $3) AND ($4::text IS NULL OR $4 IN (s.state, s.status))
        AND ($5::text IS NULL OR s.status = $5) ORDER BY s.vehicle_id LIMIT $2`,
    [runId, limit, after, state, status],
  );
  return rows.map(vehicleOf);
}

/** Vehicles that have ended since then, in the order they ended in. */
export async function settledSince(
  database: Database,
  runId: string,
  since: Date,
  limit: number,
): Promise<(RunVehicle & { settledAt: Date })[]> {
  const rows = await database.rows<VehicleRow & { settledAt: Date }>(
    `SELECT ${VEHICLE}, s.settled_at AS "settledAt" FROM vehicle_syncs s JOIN vehicles v ON v.id = s.vehicle_id
      WHERE s.run_id = $1 AND s.state = 'settled' AND s.settled_at >= $2 ORDER BY s.settled_at, s.vehicle_id LIMIT $3`,
    [runId, since, limit],
  );
  return rows.map(vehicleOf);
}

/** What the slots hold, as PostgreSQL knows it: for when Redis does not tell. */
export const claimedSlots = (database: Database, runId: string) =>
  database.rows<{
    slot: number;
    status: string;
    vehicleId: string;
    label: string;
    rows: number;
    plannedRows: number;
    bytes: number;
  }>(
    `SELECT s.slot, s.status, s.vehicle_id::text AS "vehicleId", v.label, s.rows::float8, s.planned_rows::float8 AS "plannedRows", s.bytes::float8
       FROM vehicle_syncs s JOIN vehicles v ON v.id = s.vehicle_id WHERE s.run_id = $1 AND s.state = 'claimed' ORDER BY s.slot`,
    [runId],
  );

export const throughput = (database: Database, runId: string, bucketSeconds: number) =>
  database.rows<{ at: Date; rows: number; bytes: number }>(
    `SELECT to_timestamp(floor(extract(epoch FROM committed_at) / $2) * $2) AS at, sum(rows)::float8 AS rows, sum(bytes)::float8 AS bytes
       FROM import_ledger WHERE run_id = $1 GROUP BY 1 ORDER BY 1`,
    [runId, bucketSeconds],
  );

export const failedVehicles = async (database: Database, runId: string): Promise<string[]> =>
  (
    await database.rows<{ id: string }>(
      `SELECT s.vehicle_id::text AS id FROM vehicle_syncs s JOIN vehicles v ON v.id = s.vehicle_id
        WHERE s.run_id = $1 AND s.status = 'failed' AND v.enabled ORDER BY s.vehicle_id`,
      [runId],
    )
  ).map(({ id }) => id);

/** The run that goes on under this workflow id; null while it has not been planned. */
export async function runningUnder(database: Database, workflowId: string): Promise<string | null> {
  const [row] = await database.rows<{ runId: string }>(
    `SELECT run_id AS "runId" FROM sync_runs WHERE workflow_id = $1 AND state = 'running' ORDER BY started_at DESC LIMIT 1`,
    [workflowId],
  );
  return row?.runId ?? null;
}
