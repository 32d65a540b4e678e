import type pg from 'pg';
import type { Queryable } from '../connections/postgres.ts';
import type { PipelineStage, StageDefinition } from '../workflows/transport-graph/activities.ts';

/** The part of a stage's definition that its row holds. The rest comes from settings. */
export type StoredStage = Pick<
  StageDefinition,
  'workerId' | 'workerName' | 'critical' | 'attempts' | 'timeoutMs' | 'executionTimeoutMs' | 'taskQueue'
>;

export interface FoundStage {
  stage: StoredStage;
  enabled: boolean;
  /** Stages on which this one depends and that do not exist or are not enabled. */
  missing: string[];
}

const PIPELINE_STAGE = `worker_id AS "workerId", worker_name AS "workerName", critical, execution_timeout_ms AS "executionTimeoutMs"`;
const STORED_STAGE = `${PIPELINE_STAGE}, attempts, timeout_ms AS "timeoutMs", task_queue AS "taskQueue"`;

/** The stages that the pipeline runs, in its order. */
export async function enabledStages(database: Queryable): Promise<PipelineStage[]> {
  const { rows } = await database.query<PipelineStage>(
    `SELECT ${PIPELINE_STAGE} FROM pipeline_stages WHERE enabled ORDER BY position`,
  );
  return rows;
}

/** null: no such stage is registered. */
export async function findStage(database: Queryable, workerId: string): Promise<FoundStage | null> {
  const { rows } = await database.query<StoredStage & Omit<FoundStage, 'stage'>>(
    `SELECT ${STORED_STAGE}, enabled,
            ARRAY(SELECT needed FROM unnest(depends_on) AS needed
                   WHERE NOT EXISTS (SELECT FROM pipeline_stages s WHERE s.worker_id = needed AND s.enabled)) AS missing
       FROM pipeline_stages WHERE worker_id = $1`,
    [workerId],
  );
  if (rows[0] === undefined) return null;
  const { enabled, missing, ...stage } = rows[0];
  return { stage, enabled, missing };
}

/** Why a stage cannot run, or null. */
export function stageObstacle(found: FoundStage | null): string | null {
  if (found === null) return 'it is not registered';
  if (!found.enabled) return 'it is disabled in pipeline_stages';
  return found.missing.length > 0 ? `missing dependency ${found.missing.join(', ')}` : null;
}

export interface RegisteredStage {
  workerId: string;
  workerName: string;
  version: string;
  taskQueue: string;
}

/** Registers a stage behind all others; concurrent registrations wait for each other. A known stage keeps its place and what an operator changed. */
export async function registerStage(client: pg.PoolClient, stage: RegisteredStage): Promise<void> {
  await client.query('LOCK TABLE pipeline_stages IN SHARE ROW EXCLUSIVE MODE');
  await client.query(
    `INSERT INTO pipeline_stages (worker_id, worker_name, version, position, critical, attempts, timeout_ms, task_queue)
     SELECT $1, $2, $3, coalesce(max(position), 0) + 100, false, 2, 600000, $4 FROM pipeline_stages
     ON CONFLICT (worker_id) DO UPDATE SET worker_name = EXCLUDED.worker_name, version = EXCLUDED.version, task_queue = EXCLUDED.task_queue`,
    [stage.workerId, stage.workerName, stage.version, stage.taskQueue],
  );
}
