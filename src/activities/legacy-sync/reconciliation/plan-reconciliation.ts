import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { finishReconciliation, findReconciliation, insertReconciliation } from '../../../records/reconciliations.ts';
import { nameSwapped, reconciledServers } from '../../../records/reconciled-vehicles.ts';
import { serversToRepair } from '../../../records/reconciled-days.ts';
import type { ReconciliationActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { ReconcileSummary } from '../../../workflows/legacy-sync/messages.ts';
import { selectVehicles } from '../fleet/select-vehicles.ts';
import type { ReconciliationDependencies } from './reconciliation-dependencies.ts';

type Ends = Pick<ReconciliationActivities, 'planReconciliation' | 'planRepair' | 'finishReconciliation'>;

/** The beginning and the end of a reconciliation: short statements. Errors: InvalidSelection, DatabaseUnavailable. */
export const createReconciliationEnds = ({ pool }: Pick<ReconciliationDependencies, 'pool'>): Ends => ({
  planReconciliation: (input) =>
    namingDatabaseFailures(`Planning reconciliation ${input.reconciliationId}`, async () => {
      await insertReconciliation(pool, input, await selectVehicles(pool, input.selection));
      return { servers: await reconciledServers(pool, input.reconciliationId) };
    }),
  planRepair: ({ reconciliationId }) =>
    namingDatabaseFailures(`Planning the repair of reconciliation ${reconciliationId}`, async () => ({
      servers: await serversToRepair(pool, reconciliationId),
    })),
  finishReconciliation: ({ reconciliationId, outcome }) =>
    namingDatabaseFailures(`Finishing reconciliation ${reconciliationId}`, async () => {
      if (outcome === 'completed') await nameSwapped(pool, reconciliationId);
      await finishReconciliation(pool, reconciliationId, outcome);
      return (await findReconciliation(pool, reconciliationId)) ?? { ...NOTHING, state: outcome };
    }),
});

/** Of a reconciliation that could not be planned. */
const NOTHING: Omit<ReconcileSummary, 'state'> = {
  vehicles: 0,
  compared: 0,
  failed: 0,
  sourceRows: 0,
  targetRows: 0,
  missing: 0,
  changed: 0,
  extra: 0,
  quarantined: 0,
  differingDays: 0,
  repairedDays: 0,
};
