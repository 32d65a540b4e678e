import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { countMarked, removeMarked } from '../../../records/extra-positions.ts';
import type { ReconciliationActivities } from '../../../workflows/legacy-sync/activities.ts';
import { heartbeating } from '../../heartbeating.ts';
import type { ReconciliationDependencies } from './reconciliation-dependencies.ts';
import { repairing } from './repairing.ts';

/** Removes the rows that repairs have marked, vehicle by vehicle; a second call finds none. */
export function createRemoveExtra({
  importPool,
  heartbeat,
  cancellationSignal,
}: Pick<
  ReconciliationDependencies,
  'importPool' | 'heartbeat' | 'cancellationSignal'
>): ReconciliationActivities['removeExtra'] {
  return ({ vehicleIds }) =>
    namingDatabaseFailures('Removing positions that the source does not have', () =>
      heartbeating(
        heartbeat,
        () => 'working',
        async () => {
          const marked = await countMarked(importPool, vehicleIds);
          let removed = 0;
          for (const { vehicleId } of marked) {
            cancellationSignal().throwIfAborted();
            removed += await repairing(importPool, vehicleId, (client) => removeMarked(client, vehicleId));
          }
          return { vehicles: marked.length, removed };
        },
      ),
    );
}
