import type { ReconciliationActivities } from '../../../workflows/legacy-sync/activities.ts';
import { createCompareNext } from './compare-next.ts';
import { createReconciliationEnds } from './plan-reconciliation.ts';
import type { ReconciliationDependencies } from './reconciliation-dependencies.ts';
import { createRemoveExtra } from './remove-extra.ts';
import { createRepairNext } from './repair-next.ts';

export const createReconciliationActivities = (deps: ReconciliationDependencies): ReconciliationActivities => ({
  ...createReconciliationEnds(deps),
  compareNext: createCompareNext(deps),
  repairNext: createRepairNext(deps),
  removeExtra: createRemoveExtra(deps),
});
