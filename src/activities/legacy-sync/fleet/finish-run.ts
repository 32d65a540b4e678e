import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { recordRunKpis } from '../../../records/run-kpis.ts';
import { endRun, failCompletedRun, sumUpRun } from '../../../records/sync-runs.ts';
import { dropRunSlices } from '../../../records/table-reads.ts';
import { type Settlement, settleLeftovers } from '../../../records/vehicle-claims.ts';
import type { FinishRunInput, FleetActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';
import { judgeMappings } from './judge-mappings.ts';
import { learnFromRun } from './learn-from-run.ts';

/**
 * Ends a run, as failed when every vehicle has failed: settles its planned and claimed vehicles as failed, writes to its row how it ended, and answers with the totals. Finishing
 * a run again changes nothing. A run that was refused before it had a row gets zeros. Errors: DatabaseUnavailable.
 */
export function createFinishRun(deps: Pick<FleetDependencies, 'pool' | 'log'>): FleetActivities['finishRun'] {
  return (input) =>
    namingDatabaseFailures(`Finishing run ${input.runId}`, async () => {
      const summary = await inTransaction(deps.pool, async (client) => {
        if (await endRun(client, input)) {
          const leftovers = { settlement: leftoverOf(input), states: ['planned', 'claimed'] } as const;
          await settleLeftovers(client, input.runId, leftovers);
          await dropRunSlices(client, input.runId, { ...leftovers.settlement, states: leftovers.states });
          await failCompletedRun(client, input.runId);
          await recordRunKpis(client, input.runId);
          await learnFromRun(client, input.runId);
        }
        return sumUpRun(client, input.runId);
      });
      await judgeMappings(deps, input.runId);
      return summary;
    });
}

function leftoverOf({ runId, outcome }: FinishRunInput): Extract<Settlement, { status: 'failed' }> {
  if (outcome === 'cancelled') return { status: 'failed', code: 'Cancelled', message: `Run ${runId} was cancelled.` };
  const message = `Run ${runId} ended (${outcome}) before this vehicle was synced. The next run takes it up where it stands.`;
  return { status: 'failed', code: 'Lost', message };
}
