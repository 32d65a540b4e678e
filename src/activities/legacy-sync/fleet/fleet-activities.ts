import type { FleetActivities } from '../../../workflows/legacy-sync/activities.ts';
import { createClaimNext } from './claim-next.ts';
import { createControlRun } from './control-run.ts';
import { createFinishRun } from './finish-run.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';
import { createPlanRun } from './plan-run.ts';

/** The activities of a fleet sync and its worker slots. */
export function createFleetActivities(deps: FleetDependencies): FleetActivities {
  return {
    planRun: createPlanRun(deps),
    claimNext: createClaimNext(deps),
    controlRun: createControlRun(deps),
    finishRun: createFinishRun(deps),
  };
}
