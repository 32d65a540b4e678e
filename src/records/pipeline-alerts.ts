import type { Queryable } from '../connections/postgres.ts';
import { HELD } from './datasets.ts';

/** What the transport graph's workflows tell of: a stage that was given up, a source that was away, a pipeline that cannot run, data that is held. */
export const PIPELINE_ALERTS = ['stage-failed', 'source-away', 'pipeline-cannot-run', 'dataset-held'] as const;

/** An alert whose matter is not over. */
export interface OpenPipelineAlert {
  kind: (typeof PIPELINE_ALERTS)[number];
  /** The stage's worker id, `pipeline`, or the version of the dataset. */
  about: string;
  level: 'warning' | 'critical';
  subject: string;
  message: string;
  at: Date;
}

/** An alert of this age is told as over no more; what still lasts was told again by a later run. */
const REMEMBERED = `interval '7 days'`;

/**
 * `told`: of each stage, of the pipeline and of each dataset the newest alert, with `since`, when the trouble began, and how it ended, if it did:
 * `over_at` and `over_message`. The key of an alert ends with the run that raised it: a run of the stage, or of its pipeline where the
 * stage never began. A row of such a run may be missing, when PostgreSQL was away.
 */
const TOLD = `
  noted AS (
    SELECT alert.*, own.status, coalesce(own.started_at, alert.at) AS since
      FROM (SELECT *, substring(dedupe_key FROM '[0-9a-f-]{36}$')::uuid AS run_id,
                   CASE WHEN dedupe_key LIKE 'held/%' THEN 'dataset' WHEN worker_id = 'pipeline' THEN 'pipeline' ELSE 'stage' END AS of,
                   CASE WHEN dedupe_key LIKE 'held/%' THEN substring(dedupe_key FROM '[^/]*$') ELSE worker_id END AS about
              FROM alerts
             WHERE at > now() - ${REMEMBERED} AND dedupe_key NOT LIKE 'incident/%' AND dedupe_key NOT LIKE '%/over') AS alert
      LEFT JOIN LATERAL (SELECT status, started_at FROM stage_runs AS run
                          WHERE run.worker_id = alert.worker_id AND alert.run_id IN (run.workflow_run_id, run.pipeline_run_id)
                          ORDER BY started_at DESC LIMIT 1) AS own ON true),
  newest AS (SELECT DISTINCT ON (of, about) * FROM noted ORDER BY of, about, since DESC),
  told AS (
    SELECT newest.*, ended.*,
           CASE of WHEN 'dataset' THEN 'dataset-held' WHEN 'pipeline' THEN 'pipeline-cannot-run'
                ELSE CASE status WHEN 'skipped' THEN 'source-away' ELSE 'stage-failed' END END AS kind
      FROM newest
      LEFT JOIN LATERAL (
        SELECT run.finished_at AS over_at, format('Run %s of %s ended with %s at %s.', workflow_run_id, worker_id, run.status, finished_at) AS over_message
          FROM (SELECT * FROM stage_runs AS run WHERE run.worker_id = newest.worker_id AND run.status <> 'running'
                 ORDER BY started_at DESC LIMIT 1) AS run
         WHERE of = 'stage' AND run.status <> 'failed' AND run.started_at > newest.since
        UNION ALL
        (SELECT run.started_at, format('Run %s of the pipeline came to %s at %s.', pipeline_run_id, run.worker_id, run.started_at)
           FROM stage_runs AS run WHERE of = 'pipeline' AND pipeline_run_id IS NOT NULL AND run.started_at > newest.since
          ORDER BY run.started_at LIMIT 1)
        UNION ALL
        SELECT coalesce(decided_at, newest.at), format('Dataset %s waits no more: ', version)
                 || coalesce(format('%s decided: %s.', decided_by, decision_reason), 'newer data took its place.')
          FROM datasets WHERE of = 'dataset' AND version::text = newest.about AND NOT (${HELD})) AS ended ON true)`;

/**
 * Adds a row for each of these alerts that is over since `settledMs` at least: the stage's newest run ended otherwise, a later run of the
 * pipeline came to its stages, an operator decided about the dataset. Of several alerts about one thing the newest is told as over.
 */
export async function notePipelineRecoveries(database: Queryable, settledMs: number): Promise<void> {
  await database.query(
    `WITH ${TOLD}
     INSERT INTO alerts (worker_id, subject, message, dedupe_key)
     SELECT worker_id, 'over: ' || subject, over_message, dedupe_key || '/over'
       FROM told WHERE over_at <= now() - make_interval(secs => $1::float8 / 1000)
     ON CONFLICT (dedupe_key) DO NOTHING`,
    [settledMs],
  );
}

/** What was told within a week and is not over, the oldest first. */
export async function openPipelineAlerts(database: Queryable): Promise<OpenPipelineAlert[]> {
  const { rows } = await database.query<OpenPipelineAlert>(
    `WITH ${TOLD}
     SELECT kind, about, CASE WHEN kind IN ('source-away', 'dataset-held') THEN 'warning' ELSE 'critical' END AS level, subject, message, at
       FROM told WHERE over_at IS NULL ORDER BY at, id`,
  );
  return rows;
}
