import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { finishRollout, lockRollout, withdrawRunning } from '../../../records/rollouts.ts';
import type { RolloutActivities } from '../../../workflows/legacy-sync/rollout-contract.ts';
import type { RolloutDependencies } from './rollout-dependencies.ts';
import { takeBack } from './take-back.ts';

/** Errors: DatabaseUnavailable. */
export const createEndRollout =
  ({ pool }: RolloutDependencies): RolloutActivities['endRollout'] =>
  ({ rolloutId, outcome, by }) =>
    namingDatabaseFailures(`Ending rollout ${rolloutId}`, () =>
      inTransaction(pool, async (client) => {
        const rollout = await lockRollout(client, rolloutId);
        // A rollout that was refused while it was planned has no row. One that has ended has nothing left to put back.
        if (rollout === null || rollout.state !== 'running') return;
        const { serverId } = rollout;
        if (outcome !== 'completed')
          await takeBack(client, { rolloutId, serverId, position: 0 }, { by, withdrawn: false });
        await withdrawRunning(client, rolloutId);
        await finishRollout(client, rolloutId, outcome);
      }),
    );
