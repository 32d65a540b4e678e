import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { LOST_MESSAGE } from '../../../connections/lost-stages.ts';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type {
  BeginStageInput,
  EndStageInput,
  PipelineActivities,
  StageAdmission,
} from '../../../workflows/transport-graph/activities.ts';

export interface StageRecordsDependencies {
  pool: pg.Pool;
  settings: {
    read(): Promise<
      Pick<TransportGraphSettings, 'retryInitialMs' | 'retryCoefficient' | 'heartbeatTimeoutMs' | 'workerPatienceMs'>
    >;
  };
}

const PIPELINE_STAGE = `worker_id AS "workerId", worker_name AS "workerName", critical`;
const STAGE = `${PIPELINE_STAGE}, attempts, timeout_ms AS "timeoutMs", task_queue AS "taskQueue"`;

/** The stage list and the run history, in PostgreSQL. Errors: DatabaseUnavailable, InvalidSetting. */
export function createStageRecords({
  pool,
  settings,
}: StageRecordsDependencies): Pick<PipelineActivities, 'readStages' | 'beginStage' | 'endStage'> {
  return {
    readStages: () =>
      namingDatabaseFailures('Reading the stages of the pipeline', async () => {
        const { rows } = await pool.query(
          `SELECT ${PIPELINE_STAGE} FROM pipeline_stages WHERE enabled ORDER BY position`,
        );
        return rows;
      }),
    beginStage: (input) =>
      namingDatabaseFailures(`Beginning stage ${input.workerId}`, async (): Promise<StageAdmission> => {
        // Before the row: settings that are refused leave none that says it is running.
        const {
          retryInitialMs: retryWaitMs,
          retryCoefficient,
          heartbeatTimeoutMs,
          workerPatienceMs,
        } = await settings.read();
        const { rows } = await pool.query(
          `SELECT ${STAGE}, enabled,
                  ARRAY(SELECT needed FROM unnest(depends_on) AS needed
                         WHERE NOT EXISTS (SELECT FROM pipeline_stages s WHERE s.worker_id = needed AND s.enabled)) AS missing
             FROM pipeline_stages WHERE worker_id = $1`,
          [input.workerId],
        );
        const [row] = rows;
        if (row === undefined) return { decision: 'cannot-run', reason: 'it is not registered' };
        const { enabled, missing, ...stage } = row;
        if (!enabled) return { decision: 'cannot-run', reason: 'it is disabled in pipeline_stages' };
        if (missing.length > 0) return { decision: 'cannot-run', reason: `missing dependency ${missing.join(', ')}` };
        await insertRun(pool, input);
        return {
          decision: 'run',
          stage: { ...stage, retryWaitMs, retryCoefficient, heartbeatTimeoutMs, workerPatienceMs },
        };
      }),
    endStage: (input) => namingDatabaseFailures('Recording the end of a stage', () => updateRun(pool, input)),
  };
}

/** An activity that is tried again finds its row there. A row that a terminated run left running is closed first. */
async function insertRun(pool: pg.Pool, input: BeginStageInput): Promise<void> {
  await pool.query(
    `UPDATE stage_runs SET status = 'failed', failure_code = 'Lost', message = $3, finished_at = now()
      WHERE workflow_id = $1 AND workflow_run_id <> $2 AND status = 'running'`,
    [input.workflowId, input.workflowRunId, LOST_MESSAGE],
  );
  await pool.query(
    `INSERT INTO stage_runs (worker_id, workflow_id, workflow_run_id, pipeline_run_id, status, forced)
     VALUES ($1, $2, $3, $4, 'running', $5) ON CONFLICT (workflow_run_id) DO NOTHING`,
    [input.workerId, input.workflowId, input.workflowRunId, input.pipelineRunId, input.force],
  );
}

async function updateRun(
  pool: pg.Pool,
  { workflowRunId, status, message, failureCode, outcome }: EndStageInput,
): Promise<void> {
  const { added, updated, deleted } = outcome?.dataProcessed ?? { added: 0, updated: 0, deleted: 0 };
  await pool.query(
    `UPDATE stage_runs SET status = $2, message = $3, failure_code = $4, dataset_version = $5, added = $6, updated = $7, deleted = $8,
            finished_at = now()
      WHERE workflow_run_id = $1`,
    [workflowRunId, status, message, failureCode, outcome?.datasetVersion ?? null, added, updated, deleted],
  );
}
