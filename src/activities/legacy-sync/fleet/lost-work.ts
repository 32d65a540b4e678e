import type pg from 'pg';
import type { Logger } from '../../../logger.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { workerSlotWorkflowId } from '../../../workflows/legacy-sync/messages.ts';

/**
 * Whether the newest execution of a workflow is running. With `firstRunId`: whether it is that very execution, continued as new or not.
 * A workflow Temporal does not know is closed; an error means it could not be asked.
 */
export type IsAlive = (workflowId: string, firstRunId?: string) => Promise<'running' | 'closed'>;

export interface LostWorkDependencies {
  pool: pg.Pool;
  settings: () => Promise<LegacySyncSettings> | LegacySyncSettings;
  isAlive: IsAlive;
  log: Logger;
}

export interface SettledWork {
  /** Leases moved on, because the vehicle's workflow is running. */
  extended: number;
  /** Claims settled as `Lost`, with their run. */
  lost: number;
  /** Claims given back to a run that is still running. */
  putBack: number;
  lostRuns: string[];
}

export type Verdict = 'extended' | 'lost' | 'putBack';

/** A claim is alive while the workflow that does its work runs, and while the slot that will settle it does. */
export async function judge(
  isAlive: IsAlive,
  workId: string,
  claim: { runId: string; runState: string; workflowId: string; slot: number },
): Promise<Verdict> {
  if ((await isAlive(workId)) === 'running') return 'extended';
  if (claim.runState !== 'running') return 'lost';
  if ((await isAlive(claim.workflowId, claim.runId)) === 'closed') return 'lost';
  const slot = await isAlive(workerSlotWorkflowId(claim.workflowId, claim.slot));
  return slot === 'running' ? 'extended' : 'putBack';
}

export function lostMessage(runId: string): string {
  return `Run ${runId} was terminated or lost before this vehicle was done. What was committed stays; the next run goes on there.`;
}
