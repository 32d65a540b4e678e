import { ApplicationFailure, Context } from '@temporalio/activity';
import type pg from 'pg';
import { recordAttempt } from '../records/stage-runs.ts';
import type { CustomStageActivities, StageOutcome } from '../workflows/transport-graph/activities.ts';
import type { IBackgroundWorker } from './types.ts';

/** Several times within a stage's heartbeat timeout of at least 10 s; a cancellation comes with the answer to a heartbeat. */
const HEARTBEAT_MS = 2_000;
const NOTHING = { added: 0, updated: 0, deleted: 0 };

/** An embedding program's stage as the activity that the general stage workflow asks for. Errors: CustomStageFailed, or what the stage throws as an ApplicationFailure. */
export function createRunStage(stage: IBackgroundWorker, postgres: pg.Pool): CustomStageActivities['runStage'] {
  return async ({ force, workflowRunId }) => {
    const context = Context.current();
    const beat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
    try {
      // A count that cannot be written is no reason to keep the program from its work.
      await recordAttempt(postgres, workflowRunId, context.info.attempt).catch(() => {});
      return await perform(stage, context.cancellationSignal, force);
    } catch (error) {
      if (error instanceof ApplicationFailure || context.cancellationSignal.aborted) throw error;
      throw ApplicationFailure.create({
        type: 'CustomStageFailed',
        message: error instanceof Error ? error.message : String(error),
      });
    } finally {
      clearInterval(beat);
    }
  };
}

async function perform(stage: IBackgroundWorker, signal: AbortSignal, force: boolean): Promise<StageOutcome> {
  if (!force && (await stage.canRun?.()) === false) {
    const message = `${stage.workerName}: nothing to do`;
    return { status: 'skipped', message, datasetVersion: null, dataProcessed: NOTHING };
  }
  const { message, dataProcessed = NOTHING } = await stage.execute({ signal, force });
  return { status: 'success', message, datasetVersion: null, dataProcessed };
}
