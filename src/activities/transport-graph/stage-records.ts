import { type Client, isGrpcServiceError } from '@temporalio/client';
import type pg from 'pg';
import { namingDatabaseFailures } from '../../connections/database-errors.ts';
import { Failure } from '../../errors.ts';
import { settleLostStages } from '../../records/lost-stages.ts';
import { enabledStages, findStage, stageObstacle } from '../../records/pipeline-stages.ts';
import { endStageRun, insertRefusedRun, insertStageRun } from '../../records/stage-runs.ts';
import type { TransportGraphSettings } from '../../settings/transport-graph.ts';
import type {
  BeginStageInput,
  PipelineActivities,
  StageAdmission,
} from '../../workflows/transport-graph/activities.ts';
import { cannotRunMessage } from '../../workflows/transport-graph/messages.ts';

export interface StageRecordsDependencies {
  pool: pg.Pool;
  temporal: Client;
  settings: {
    read(): Promise<
      Pick<TransportGraphSettings, 'retryInitialMs' | 'retryCoefficient' | 'heartbeatTimeoutMs' | 'workerPatienceMs'>
    >;
  };
}

/** The stage list and the run history, in PostgreSQL. Errors: DatabaseUnavailable, TemporalUnavailable, InvalidSetting. */
export function createStageRecords(
  deps: StageRecordsDependencies,
): Pick<PipelineActivities, 'readStages' | 'beginStage' | 'endStage' | 'refuseStage'> {
  const { pool } = deps;
  return {
    readStages: () => namingDatabaseFailures('Reading the stages of the pipeline', () => enabledStages(pool)),
    beginStage: (input) => namingDatabaseFailures(`Beginning stage ${input.workerId}`, () => begin(deps, input)),
    endStage: (input) => namingDatabaseFailures('Recording the end of a stage', () => endStageRun(pool, input)),
    refuseStage: (input) =>
      namingDatabaseFailures(`Recording that stage ${input.workerId} cannot run`, () => insertRefusedRun(pool, input)),
  };
}

async function begin(deps: StageRecordsDependencies, input: BeginStageInput): Promise<StageAdmission> {
  const { pool, temporal, settings } = deps;
  // Settings are read before the row is written: refused settings must not leave a row that says it is running.
  const { retryInitialMs: retryWaitMs, retryCoefficient, heartbeatTimeoutMs, workerPatienceMs } = await settings.read();
  const found = await findStage(pool, input.workerId);
  const reason = stageObstacle(found);
  if (found === null || reason !== null) return refuse(deps, input, reason ?? 'it is not registered');
  // A terminated run may have left its row running. Close that row first.
  await settleLostStages(temporal, pool, input.workflowId).catch((error: unknown) => refuseUntold(error, input));
  await insertStageRun(pool, input);
  return {
    decision: 'run',
    stage: { ...found.stage, retryWaitMs, retryCoefficient, heartbeatTimeoutMs, workerPatienceMs },
  };
}

/** In a pipeline, a stage that cannot run has its row: whoever reads the run later sees why there is nothing of it. */
async function refuse(
  { pool }: StageRecordsDependencies,
  { workerId, workflowId, workflowRunId, pipelineRunId }: BeginStageInput,
  reason: string,
): Promise<StageAdmission> {
  const message = cannotRunMessage(workerId, reason);
  if (pipelineRunId !== null) {
    await insertRefusedRun(pool, { workerId, workflowId, workflowRunId, pipelineRunId, message });
  }
  return { decision: 'cannot-run', reason };
}

function refuseUntold(error: unknown, { workerId }: BeginStageInput): never {
  if (!isGrpcServiceError(error)) throw error;
  throw new Failure(
    'TemporalUnavailable',
    `Beginning stage ${workerId}: Temporal does not say what became of the run before (${error.details}). It is tried again.`,
    { cause: error },
  );
}
