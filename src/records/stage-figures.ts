import type { Queryable } from '../connections/postgres.ts';

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
