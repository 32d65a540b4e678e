import { ApplicationFailure, type Client, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import type { Queryable } from '../connections/postgres.ts';
import { describeChain } from '../connections/temporal-chain.ts';
import type { StageResult } from '../workflows/transport-graph/messages.ts';

/** A stage's run whose row says that it is running. */
export interface RunningStage {
  workflowId: string;
  runId: string;
}

/** How a run ended that could not write it: what its workflow answered, or, where it answered nothing, that it was terminated. */
interface UntoldEnd {
  /** null when Temporal no longer knows the run. */
  at: Date | null;
  status: StageResult['status'];
  failureCode: string | null;
  message: string;
}

/** Ids of runs that ended without writing so. */
export type LostStages = ReadonlyMap<string, UntoldEnd>;

/** How a lost stage ended, as its row will have it. */
export interface LostFate extends Omit<UntoldEnd, 'at'> {
  /** null when the time is no longer known. */
  finishedAt: Date | null;
}

const TERMINATED = { status: 'failed', failureCode: 'Lost', message: 'the run was terminated' } as const;

/** Reads all running stages, or those under one workflow id. */
export async function readRunningStages(
  postgres: Queryable,
  workflowId: string | null = null,
): Promise<RunningStage[]> {
  const { rows } = await postgres.query<RunningStage>(
    `SELECT workflow_id AS "workflowId", workflow_run_id AS "runId" FROM stage_runs
      WHERE status = 'running' AND ($1::text IS NULL OR workflow_id = $1)`,
    [workflowId],
  );
  return rows;
}

/**
 * Finds the runs that have ended in Temporal: terminated, lost with the server, or ended while PostgreSQL could not be told. A stage writes
 * its end before its workflow ends. A row that still says `running` when it is read after this call belongs to a lost run.
 */
export async function findLostStages(temporal: Client, running: RunningStage[]): Promise<LostStages> {
  const ended = await Promise.all(
    running.map(async ({ workflowId, runId }) => [runId, await endOf(temporal, workflowId, runId)] as const),
  );
  return new Map(ended.filter((each): each is [string, UntoldEnd] => each[1] !== null));
}

/** How a run ended whose row still says that it is running; null when the row is right. */
export function lostFate(
  run: { runId: string | null; status: string | null; startedAt: Date | null },
  lost: LostStages,
): LostFate | null {
  if (run.status !== 'running' || run.runId === null || !lost.has(run.runId)) return null;
  const { at, ...end } = lost.get(run.runId)!;
  return { ...end, finishedAt: endAfter(run.startedAt, at) };
}

/**
 * Writes the end of lost stages into their rows, for everyone who reads only rows: metrics, `doctor`, SQL by hand. The time is the one at
 * which Temporal closed the run, or now when Temporal no longer knows the run.
 */
export async function settleLostStages(
  temporal: Client,
  postgres: Queryable,
  workflowId: string | null = null,
): Promise<void> {
  const lost = await findLostStages(temporal, await readRunningStages(postgres, workflowId));
  for (const [runId, { at, status, failureCode, message }] of lost) {
    await postgres.query(
      `UPDATE stage_runs SET status = $3, failure_code = $4, message = $5, finished_at = greatest(started_at, coalesce($2, now()))
        WHERE workflow_run_id = $1 AND status = 'running'`,
      [runId, at, status, failureCode, message],
    );
  }
}

/** Clamps the end to the start: Temporal's clock and PostgreSQL's may differ, and nothing may end before it began. */
const endAfter = (startedAt: Date | null, endedAt: Date | null): Date | null =>
  startedAt !== null && endedAt !== null && endedAt < startedAt ? startedAt : endedAt;

/** null while it runs. */
async function endOf(temporal: Client, workflowId: string, runId: string): Promise<UntoldEnd | null> {
  const found = await describeChain(temporal, workflowId, runId);
  if (found === null) return { ...TERMINATED, at: null };
  if (found.closeTime === undefined) return null;
  const handle = temporal.workflow.getHandle(workflowId, found.runId);
  return { ...TERMINATED, ...(await ANSWERS[found.status.name]?.(handle)), at: found.closeTime };
}

/** A run that ended by itself while PostgreSQL was away has left its answer in Temporal. */
const ANSWERS: Record<string, (handle: WorkflowHandle) => Promise<Omit<UntoldEnd, 'at'> | null>> = {
  COMPLETED: async (handle) => endOfResult((await handle.result()) as StageResult),
  FAILED: (handle) =>
    handle.result().then(
      () => null,
      (error: unknown) => {
        const failure = error instanceof WorkflowFailedError ? error.cause : null;
        return failure instanceof ApplicationFailure ? endOfResult(failure.details?.[0] as StageResult) : null;
      },
    ),
  CANCELLED: async () => ({ status: 'failed', failureCode: 'Cancelled', message: 'it was cancelled' }),
};

const endOfResult = (result: StageResult | undefined): Omit<UntoldEnd, 'at'> | null =>
  result === undefined
    ? null
    : { status: result.status, failureCode: result.error?.code ?? null, message: result.message };
