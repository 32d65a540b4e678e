import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import { recordAct } from '../../../records/audit-log.ts';
import { noteSteered } from '../../../records/forecasts.ts';
import { usefulSlots } from '../../../records/open-work.ts';
import { lockRun, steerRun } from '../../../records/sync-runs.ts';
import { describeBounds } from '../../../settings/definition.ts';
import { LEGACY_SYNC_SETTINGS } from '../../../settings/legacy-sync.ts';
import type { FleetActivities, RunControlInput } from '../../../workflows/legacy-sync/activities.ts';
import { effectiveWorkers } from '../../../settings/effective-workers.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';

/**
 * Pauses or resumes a run, or sets the run's own number of workers. The run's row keeps it, and the audit log says what changed.
 * A request that changes nothing writes no entry. Errors: InvalidSetting, NoClaim (no such run), DatabaseUnavailable.
 */
export function createControlRun({ pool, settings }: FleetDependencies): FleetActivities['controlRun'] {
  return (input) =>
    namingDatabaseFailures(`Changing run ${input.runId}`, async () => {
      checkWorkers(input);
      return inTransaction(pool, async (client) => {
        const current = await settings.read(client);
        const run = await lockRun(client, input.runId);
        const paused = input.paused ?? run.paused;
        const maxWorkers = input.maxWorkers ?? run.maxWorkers;
        const changes = {
          ...(paused === run.paused ? {} : { paused: { from: run.paused, to: paused } }),
          ...(maxWorkers === run.maxWorkers ? {} : { maxWorkers: { from: run.maxWorkers, to: maxWorkers } }),
        };
        if (Object.keys(changes).length > 0) {
          await steerRun(client, { runId: run.runId, paused, maxWorkers });
          await noteSteered(client, run.runId, maxWorkers !== run.maxWorkers);
          const actor = `update to ${run.workflowId}`;
          await recordAct(client, { actor, action: 'run.controlled', subject: run.runId, details: changes });
        }
        return { workers: await usefulSlots(client, run.runId, effectiveWorkers(current, maxWorkers)) };
      });
    });
}

function checkWorkers({ maxWorkers }: RunControlInput): void {
  if (maxWorkers === undefined) return;
  const setting = LEGACY_SYNC_SETTINGS.maxWorkers;
  if (setting.schema.safeParse(maxWorkers).success) return;
  throw new Failure(
    'InvalidSetting',
    `${setting.key} of a run cannot be ${maxWorkers}: allowed is ${describeBounds(setting)}.`,
  );
}
