import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { attendRollout, lockRollout } from '../../../records/rollouts.ts';
import type { RolloutActivities } from '../../../workflows/legacy-sync/rollout-contract.ts';
import type { RolloutDependencies } from './rollout-dependencies.ts';
import { takeBack } from './take-back.ts';

/** Errors: DatabaseUnavailable. */
export const createWithdrawStep =
  ({ pool }: RolloutDependencies): RolloutActivities['withdrawStep'] =>
  ({ rolloutId, position, by }) =>
    namingDatabaseFailures(`Taking back a step of rollout ${rolloutId}`, () =>
      inTransaction(pool, async (client) => {
        const rollout = await lockRollout(client, rolloutId);
        if (rollout === null) return;
        const { serverId } = rollout;
        // From now on each step waits for an order: whoever took one back decides when the rollout goes on.
        await attendRollout(client, rolloutId);
        await takeBack(client, { rolloutId, serverId, position }, { by, withdrawn: true });
      }),
    );
