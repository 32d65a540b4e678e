import type pg from 'pg';
import type { Queryable } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import type { SyncMode } from '../workflows/legacy-sync/messages.ts';
import type { WorkerResult } from './worker-pool-manager.ts';

export interface RunState {
  runId: string;
  workflowId: string;
  state: 'running' | 'completed' | 'cancelled' | 'failed' | 'lost';
  paused: boolean;
  mode: SyncMode;
  requestedBy: string;
  startedAt: string;
  finishedAt: string | null;
  vehicles: number;
  waiting: number;
  inFlight: number;
  completed: number;
  failed: number;
  upToDate: number;
  plannedRows: number;
  rows: number;
  bytes: number;
  quarantined: number;
}

/** @throws Failure `InvalidSelection` for an unknown run */
export async function readRun(postgres: Queryable, runId: string): Promise<RunState> {
  const run = await findPlannedRun(postgres, runId);
  if (run === null) throw unknownRun(runId);
  return run;
}

/** null: no worker has planned a run of that id. */
export async function findPlannedRun(postgres: Queryable, runId: string): Promise<RunState | null> {
  if (!isRunId(runId)) return null;
  const { rows } = await postgres.query(
    `SELECT r.run_id AS "runId", r.workflow_id AS "workflowId", r.state, r.paused, r.mode, r.requested_by AS "requestedBy",
            r.started_at AS "startedAt", r.finished_at AS "finishedAt", r.up_to_date AS "upToDate",
            count(v.*)::int AS vehicles,
            count(*) FILTER (WHERE v.state = 'planned')::int AS waiting,
            count(*) FILTER (WHERE v.state = 'claimed')::int AS "inFlight",
            count(*) FILTER (WHERE v.status = 'completed')::int AS completed,
            count(*) FILTER (WHERE v.status = 'failed')::int AS failed,
            coalesce(sum(v.planned_rows), 0)::float8 AS "plannedRows", coalesce(sum(v.rows), 0)::float8 AS rows,
            coalesce(sum(v.bytes), 0)::float8 AS bytes, coalesce(sum(v.quarantined), 0)::float8 AS quarantined
       FROM sync_runs r LEFT JOIN vehicle_syncs v USING (run_id)
      WHERE r.run_id = $1 GROUP BY r.run_id`,
    [runId],
  );
  const [run] = rows;
  if (run === undefined) return null;
  return {
    ...run,
    startedAt: run.startedAt.toISOString(),
    finishedAt: run.finishedAt?.toISOString() ?? null,
  };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const isRunId = (text: string): boolean => UUID.test(text);

export const unknownRun = (runId: string): Failure =>
  new Failure(
    'InvalidSelection',
    `Reading run ${runId}: there is none of that id. \`fleetgraph runs\` lists the latest.`,
  );

/** The latest runs first. */
export async function listRuns(
  postgres: pg.Pool,
  limit = 20,
): Promise<{ runId: string; state: string; startedAt: string; requestedBy: string }[]> {
  const { rows } = await postgres.query(
    `SELECT run_id AS "runId", state, started_at AS "startedAt", requested_by AS "requestedBy"
       FROM sync_runs ORDER BY started_at DESC LIMIT $1`,
    [limit],
  );
  return rows.map((row) => ({ ...row, startedAt: row.startedAt.toISOString() }));
}

export async function readResults(postgres: pg.Pool, runId: string): Promise<WorkerResult[]> {
  const { rows } = await postgres.query(
    `SELECT s.slot AS "workerId", s.vehicle_id AS "vehicleId", v.label, s.status, s.planned_rows::float8 AS "plannedRows",
            s.rows::float8, s.inserted::float8, s.duplicates::float8, s.quarantined::float8, s.bytes::float8,
            (extract(epoch FROM coalesce(s.settled_at, now()) - s.claimed_at) * 1000)::float8 AS "durationMs",
            s.failure_code AS code, s.failure_message AS message
       FROM vehicle_syncs s JOIN vehicles v ON v.id = s.vehicle_id
      WHERE s.run_id = $1 ORDER BY v.label, s.vehicle_id`,
    [runId],
  );
  return rows.map(({ code, message, ...row }) => ({ ...row, error: code === null ? null : { code, message } }));
}
