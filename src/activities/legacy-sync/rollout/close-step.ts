import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { judgeStepRow } from '../../../records/rollouts.ts';
import type { RolloutActivities } from '../../../workflows/legacy-sync/rollout-contract.ts';
import type { RolloutDependencies } from './rollout-dependencies.ts';

/** Errors: DatabaseUnavailable. */
export const createCloseStep =
  ({ pool }: RolloutDependencies): RolloutActivities['closeStep'] =>
  ({ rolloutId, number, ...judged }) =>
    namingDatabaseFailures(`Writing how step ${number} of rollout ${rolloutId} was judged`, () =>
      judgeStepRow(pool, { rolloutId, number }, judged),
    );
