import type { Queryable } from '../connections/postgres.ts';
import { ODATA_SYNC } from '../workflows/transport-graph/messages.ts';

const ENDED = `stage_runs WHERE status <> 'running'`;

export interface LastStageRun {
  workerId: string;
  seconds: number;
  added: number;
  updated: number;
  deleted: number;
}

/** For each stage, the run that began last among the finished ones. */
export async function lastStageRuns(database: Queryable): Promise<LastStageRun[]> {
  const { rows } = await database.query<LastStageRun>(
    `SELECT worker_id AS "workerId", extract(epoch FROM finished_at - started_at)::float8 AS seconds, added, updated, deleted
       FROM (SELECT DISTINCT ON (worker_id) * FROM ${ENDED} ORDER BY worker_id, started_at DESC) last`,
  );
  return rows;
}

export interface LatelyOfStage {
  workerId: string;
  meanSeconds: number;
  /** Both shares are between 0 and 1. A skipped run does not count as failed. */
  failedShare: number;
  succeededShare: number;
}

/** For each stage, figures of its last 100 finished runs: the spec's rates describe recent runs. */
export async function stagesLately(database: Queryable): Promise<LatelyOfStage[]> {
  const { rows } = await database.query<LatelyOfStage>(
    `SELECT worker_id AS "workerId", avg(extract(epoch FROM finished_at - started_at))::float8 AS "meanSeconds",
            avg((status = 'failed')::int)::float8 AS "failedShare", avg((status <> 'failed')::int)::float8 AS "succeededShare"
       FROM (SELECT *, row_number() OVER (PARTITION BY worker_id ORDER BY started_at DESC) AS age FROM ${ENDED}) lately
      WHERE age <= 100 GROUP BY 1`,
  );
  return rows;
}

export interface StageRunCount {
  workerId: string;
  status: string;
  count: number;
}

export async function countStageRuns(database: Queryable): Promise<StageRunCount[]> {
  const { rows } = await database.query<StageRunCount>(
    `SELECT worker_id AS "workerId", status, count(*)::float8 AS count FROM stage_runs GROUP BY 1, 2`,
  );
  return rows;
}

/** The time at which each stage last succeeded, in seconds since 1970. */
export async function lastSuccesses(database: Queryable): Promise<{ workerId: string; at: number }[]> {
  const { rows } = await database.query<{ workerId: string; at: number }>(
    `SELECT worker_id AS "workerId", extract(epoch FROM max(finished_at))::float8 AS at FROM stage_runs
      WHERE status IN ('success', 'skipped') GROUP BY 1`,
  );
  return rows;
}

/** For each stage that runs now, for how long by PostgreSQL's clock. A stage whose run was terminated is among them until a worker has settled it. */
export async function runningStageSeconds(database: Queryable): Promise<{ workerId: string; seconds: number }[]> {
  const { rows } = await database.query<{ workerId: string; seconds: number }>(
    `SELECT worker_id AS "workerId", extract(epoch FROM now() - min(started_at))::float8 AS seconds
       FROM stage_runs WHERE status = 'running' GROUP BY 1`,
  );
  return rows;
}

/** A median of fewer runs says little. */
const RUNS_BEFORE = 3;

/**
 * For each stage, the records of its last successful run over the median of up to ten before it: 1 is as usual. The records of a run of the
 * OData sync are the rows of its dataset, those of another stage are what it added, updated and deleted. A stage with fewer than three
 * runs before, or with a median of 0, is left out.
 */
export async function recordsAgainstUsual(database: Queryable): Promise<{ workerId: string; ratio: number }[]> {
  const { rows } = await database.query<{ workerId: string; ratio: number }>(
    `SELECT worker_id AS "workerId", last / usual AS ratio FROM (
       SELECT worker_id, max(records) FILTER (WHERE age = 1) AS last, count(*) FILTER (WHERE age > 1) AS before,
              percentile_cont(0.5) WITHIN GROUP (ORDER BY records) FILTER (WHERE age > 1) AS usual
         FROM (SELECT run.worker_id, row_number() OVER (PARTITION BY run.worker_id ORDER BY run.started_at DESC) AS age,
                      (CASE run.worker_id WHEN $1 THEN data.stops + data.routes + data.flights
                            ELSE run.added + run.updated + run.deleted END)::float8 AS records
                 FROM stage_runs AS run LEFT JOIN datasets AS data ON data.version = run.dataset_version
                WHERE run.status = 'success') AS ended
        WHERE age <= 11 GROUP BY 1) AS stage WHERE before >= ${RUNS_BEFORE} AND usual > 0`,
    [ODATA_SYNC],
  );
  return rows;
}
