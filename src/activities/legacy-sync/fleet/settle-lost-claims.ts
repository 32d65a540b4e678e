import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { loseRun, runningRuns } from '../../../records/sync-runs.ts';
import {
  type ExpiredClaim,
  expiredClaims,
  extendLease,
  lockExpired,
  putBack,
  settleLeftovers,
  settleVehicle,
} from '../../../records/vehicle-claims.ts';
import { type LostWorkDependencies, type SettledWork, type Verdict, judge, lostMessage } from './lost-work.ts';
import { settleLostSlices } from './settle-lost-slices.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { vehicleSyncWorkflowId } from '../../../workflows/legacy-sync/messages.ts';

/**
 * Compares what the rows say with what Temporal knows, and settles claims whose lease ran out, and runs whose workflow has ended without finishing
 * them (terminated, or lost with the server). Safe to run in every worker at once. Errors: DatabaseUnavailable, or what `isAlive` throws.
 */
export function createSettleLostClaims(deps: LostWorkDependencies): () => Promise<SettledWork> {
  return () =>
    namingDatabaseFailures('Reconciling claims', async () => {
      const result: SettledWork = { extended: 0, lost: 0, putBack: 0, lostRuns: [] };
      const settings = await deps.settings();
      await closeLostRuns(deps, result);
      for (const claim of await expiredClaims(deps.pool)) {
        const verdict = await judge(deps.isAlive, vehicleSyncWorkflowId(claim.vehicleId), claim);
        result[verdict] += await apply(deps, claim, verdict, settings);
      }
      await settleLostSlices(deps, result, settings);
      return result;
    });
}

async function apply(
  { pool, log }: LostWorkDependencies,
  claim: ExpiredClaim,
  verdict: Verdict,
  { leaseMs, claimPollMs }: LegacySyncSettings,
): Promise<number> {
  return inTransaction(pool, async (client) => {
    // Since Temporal was asked, the claim may have been renewed, settled or given to another slot.
    if (!(await lockExpired(client, claim))) return 0;
    if (verdict === 'extended') {
      await extendLease(client, claim, leaseMs);
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

async function closeLostRuns({ pool, isAlive, log }: LostWorkDependencies, result: SettledWork): Promise<void> {
  for (const { runId, workflowId } of await runningRuns(pool)) {
    if ((await isAlive(workflowId, runId)) === 'running') continue;
    await inTransaction(pool, async (client) => {
      if (!(await loseRun(client, runId))) return;
      // Claimed vehicles may still be cleaning up under their own workflow: their leases decide.
      const settlement = { status: 'failed', code: 'Lost', message: lostMessage(runId) } as const;
      const vehicles = await settleLeftovers(client, runId, { settlement, states: ['planned'] });
      log.warn({ runId, workflowId, vehicles }, 'the workflow of a run has ended without finishing it');
      result.lostRuns.push(runId);
    });
  }
}
