import type { RolloutActivities } from '../../../workflows/legacy-sync/rollout-contract.ts';
import { createCloseStep } from './close-step.ts';
import { createEndRollout } from './end-rollout.ts';
import { createMeasureStep } from './measure-step.ts';
import { createNoteStep } from './note-step.ts';
import { createOpenStep } from './open-step.ts';
import { createPlanRollout } from './plan-rollout.ts';
import type { RolloutDependencies } from './rollout-dependencies.ts';
import { createWithdrawStep } from './withdraw-step.ts';

/** The activities of a rollout: short statements on PostgreSQL. */
export const createRolloutActivities = (deps: RolloutDependencies): RolloutActivities => ({
  planRollout: createPlanRollout(deps),
  openStep: createOpenStep(deps),
  noteStep: createNoteStep(deps),
  measureStep: createMeasureStep(deps),
  closeStep: createCloseStep(deps),
  withdrawStep: createWithdrawStep(deps),
  endRollout: createEndRollout(deps),
});
