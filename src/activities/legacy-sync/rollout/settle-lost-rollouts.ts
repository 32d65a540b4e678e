import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import type { Logger } from '../../../logger.ts';
import { runningRollouts } from '../../../records/rollouts.ts';
import type { IsAlive } from '../fleet/lost-work.ts';
import { settleLost } from './settle-lost-rollout.ts';

interface LostRolloutDependencies {
  pool: pg.Pool;
  isAlive: IsAlive;
  log: Logger;
}

/**
 * Settles rollouts whose workflow has ended without putting back what they had changed (terminated, or lost with the server), and returns
 * their ids. Safe to run in every worker at once. Errors: DatabaseUnavailable, or what `isAlive` throws.
 */
export const createSettleLostRollouts =
  ({ pool, isAlive, log }: LostRolloutDependencies): (() => Promise<string[]>) =>
  () =>
    namingDatabaseFailures('Reconciling rollouts', async () => {
      const lost: string[] = [];
      for (const { rolloutId, workflowId } of await runningRollouts(pool)) {
        if ((await isAlive(workflowId, rolloutId)) === 'running') continue;
        // A rollout that cannot be put back must not stop the others, or the janitor's next work. The doctor keeps reporting it.
        const settled = await inTransaction(pool, (client) => settleLost(client, rolloutId, 'janitor')).catch(
          (err: unknown) => log.error({ err, rolloutId }, 'a rollout was ended from outside and cannot be put back'),
        );
        if (settled) lost.push(rolloutId);
      }
      return lost;
    });
