import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import type { Logger } from '../../../logger.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { vehicleSyncWorkflowId, workerSlotWorkflowId } from '../../../workflows/legacy-sync/messages.ts';
import { settleLeftovers } from './finish-run.ts';
import { putBack, settleVehicle } from './settle-vehicle.ts';

/**
 * Whether the newest execution of a workflow is running. With `firstRunId`: whether it is that very execution, continued as new or not.
 * A workflow Temporal does not know is closed; an error means it could not be asked.
 */
export type IsAlive = (workflowId: string, firstRunId?: string) => Promise<'running' | 'closed'>;

export interface ReconcileDependencies {
  pool: pg.Pool;
  settings: () => Promise<LegacySyncSettings> | LegacySyncSettings;
  isAlive: IsAlive;
  log: Logger;
}

export interface Reconciled {
  /** Leases moved on, because the vehicle's workflow is running. */
  extended: number;
  /** Claims settled as `Lost`, with their run. */
  lost: number;
  /** Claims given back to a run that is still running. */
  putBack: number;
  lostRuns: string[];
}

interface ExpiredClaim {
  runId: string;
  vehicleId: string;
  slot: number;
  workflowId: string;
  runState: string;
}

/**
 * What the rows say against what Temporal knows: claims whose lease ran out, and runs whose workflow has ended without finishing them
 * (terminated, or lost with the server). Safe to run in every worker at once. Errors: DatabaseUnavailable, or what `isAlive` throws.
 */
export function createReconcileClaims(deps: ReconcileDependencies): () => Promise<Reconciled> {
  return () =>
    namingDatabaseFailures('Reconciling claims', async () => {
      const result: Reconciled = { extended: 0, lost: 0, putBack: 0, lostRuns: [] };
      const settings = await deps.settings();
      await closeLostRuns(deps, result);
      for (const claim of await expiredClaims(deps.pool)) {
        const verdict = await judge(deps.isAlive, claim);
        result[verdict] += await apply(deps, claim, verdict, settings);
      }
      return result;
    });
}

/** A claim is alive while its vehicle's workflow runs, and while the slot that will settle it does. */
async function judge(isAlive: IsAlive, claim: ExpiredClaim): Promise<'extended' | 'lost' | 'putBack'> {
  if ((await isAlive(vehicleSyncWorkflowId(claim.vehicleId))) === 'running') return 'extended';
  if (claim.runState !== 'running') return 'lost';
  if ((await isAlive(claim.workflowId, claim.runId)) === 'closed') return 'lost';
  const slot = await isAlive(workerSlotWorkflowId(claim.workflowId, claim.slot));
  return slot === 'running' ? 'extended' : 'putBack';
}

async function apply(
  { pool, log }: ReconcileDependencies,
  claim: ExpiredClaim,
  verdict: 'extended' | 'lost' | 'putBack',
  { leaseMs, claimPollMs }: LegacySyncSettings,
): Promise<number> {
  return inTransaction(pool, async (client) => {
    // Temporal was asked in between: the claim may have been renewed, settled or taken by another slot since.
    const still = await client.query(
      `SELECT FROM vehicle_syncs WHERE run_id = $1 AND vehicle_id = $2 AND slot = $3 AND state = 'claimed'
       AND lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED`,
      [claim.runId, claim.vehicleId, claim.slot],
    );
    if (still.rowCount === 0) return 0;
    if (verdict === 'extended') {
      await client.query(
        `UPDATE vehicle_syncs SET lease_until = clock_timestamp() + $3 * interval '1 millisecond'
         WHERE run_id = $1 AND vehicle_id = $2`,
        [claim.runId, claim.vehicleId, leaseMs],
      );
      return 1;
    }
    log.warn({ ...claim, verdict }, 'the lease of a claim ran out and nobody works on it');
    if (verdict === 'putBack') {
      await putBack(client, claim, { reason: 'its worker slot was lost', afterMs: claimPollMs });
    } else {
      await settleVehicle(client, claim, { status: 'failed', code: 'Lost', message: lostMessage(claim.runId) });
    }
    return 1;
  });
}

async function closeLostRuns({ pool, isAlive, log }: ReconcileDependencies, result: Reconciled): Promise<void> {
  const { rows } = await pool.query<{ runId: string; workflowId: string }>(
    `SELECT run_id AS "runId", workflow_id AS "workflowId" FROM sync_runs WHERE state = 'running' ORDER BY started_at`,
  );
  for (const { runId, workflowId } of rows) {
    if ((await isAlive(workflowId, runId)) === 'running') continue;
    await inTransaction(pool, async (client) => {
      const ended = await client.query(
        `UPDATE sync_runs SET state = 'lost', finished_at = now() WHERE run_id = $1 AND state = 'running'`,
        [runId],
      );
      if (ended.rowCount === 0) return;
      // Claimed vehicles may still be cleaning up under their own workflow: their leases decide.
      const settlement = { status: 'failed', code: 'Lost', message: lostMessage(runId) } as const;
      const vehicles = await settleLeftovers(client, runId, settlement, ['planned']);
      log.warn({ runId, workflowId, vehicles }, 'the workflow of a run has ended without finishing it');
      result.lostRuns.push(runId);
    });
  }
}

async function expiredClaims(pool: pg.Pool): Promise<ExpiredClaim[]> {
  const { rows } = await pool.query<ExpiredClaim>(
    `SELECT sync.run_id AS "runId", sync.vehicle_id AS "vehicleId", sync.slot, run.workflow_id AS "workflowId",
            run.state AS "runState"
     FROM vehicle_syncs AS sync JOIN sync_runs AS run USING (run_id)
     WHERE sync.state = 'claimed' AND sync.lease_until < clock_timestamp() ORDER BY sync.lease_until`,
  );
  return rows;
}

function lostMessage(runId: string): string {
  return `Run ${runId} was terminated or lost before this vehicle was done. What was committed stays; the next run goes on there.`;
}
