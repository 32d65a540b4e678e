import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { noteStepRuns } from '../../../records/rollouts.ts';
import type { RolloutActivities } from '../../../workflows/legacy-sync/rollout-contract.ts';
import type { RolloutDependencies } from './rollout-dependencies.ts';

/** Errors: DatabaseUnavailable. */
export const createNoteStep =
  ({ pool }: RolloutDependencies): RolloutActivities['noteStep'] =>
  (input) =>
    namingDatabaseFailures(`Noting what step ${input.number} of rollout ${input.rolloutId} runs`, () =>
      noteStepRuns(pool, input),
    );
