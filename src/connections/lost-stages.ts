import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Queryable } from './postgres.ts';

/** A run of a stage whose row says that it is running. */
export interface RunningStage {
  workflowId: string;
  runId: string;
}

/** Run ids of stages that ended without a word, and when; null where Temporal has forgotten them. */
export type LostStages = ReadonlyMap<string, Date | null>;

/** What the row of a lost stage says once its next run has found it. */
export const LOST_MESSAGE = 'the run was terminated';

export async function readRunningStages(postgres: Queryable): Promise<RunningStage[]> {
  const { rows } = await postgres.query<RunningStage>(
    `SELECT workflow_id AS "workflowId", workflow_run_id AS "runId" FROM stage_runs WHERE status = 'running'`,
  );
  return rows;
}

/**
 * Those that Temporal holds ended: terminated, or lost with the server. A stage writes its end before it ends, so a row that says `running`
 * when it is read after this is of a run that was lost.
 */
export async function findLostStages(temporal: Client, running: RunningStage[]): Promise<LostStages> {
  const ended = await Promise.all(
    running.map(async ({ workflowId, runId }) => [runId, await endOf(temporal, workflowId, runId)] as const),
  );
  return new Map(ended.filter((each): each is [string, Date | null] => each[1] !== 'running'));
}

/** Writes into their rows the end that they could not write, for all that reads nothing but rows: metrics, `doctor`, SQL by hand. */
export async function settleLostStages(temporal: Client, postgres: Queryable): Promise<void> {
  const lost = await findLostStages(temporal, await readRunningStages(postgres));
  for (const [runId, endedAt] of lost) {
    await postgres.query(
      `UPDATE stage_runs SET status = 'failed', failure_code = 'Lost', message = $3, finished_at = greatest(started_at, coalesce($2, now()))
        WHERE workflow_run_id = $1 AND status = 'running'`,
      [runId, endedAt, LOST_MESSAGE],
    );
  }
}

async function endOf(temporal: Client, workflowId: string, runId: string): Promise<Date | null | 'running'> {
  try {
    return (await temporal.workflow.getHandle(workflowId, runId).describe()).closeTime ?? 'running';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
