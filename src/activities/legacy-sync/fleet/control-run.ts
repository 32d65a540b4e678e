import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import { describeBounds } from '../../../settings/definition.ts';
import { LEGACY_SYNC_SETTINGS } from '../../../settings/legacy-sync.ts';
import type { FleetActivities, RunControlInput } from '../../../workflows/legacy-sync/activities.ts';
import { effectiveWorkers } from './effective-workers.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';
import { lockRun } from './run-row.ts';

/**
 * Pauses or resumes a run, or gives it a number of workers of its own; kept in the run's row, with an audit entry for what changed.
 * Asking for what already holds changes nothing. Errors: InvalidSetting, NoClaim (no such run), DatabaseUnavailable.
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
          await client.query('UPDATE sync_runs SET paused = $2, max_workers = $3 WHERE run_id = $1', [
            run.runId,
            paused,
            maxWorkers,
          ]);
          await client.query(
            `INSERT INTO audit_log (actor, action, subject, details) VALUES ($1, 'run.controlled', $2, $3)`,
            [`update to ${run.workflowId}`, run.runId, changes],
          );
        }
        return { workers: effectiveWorkers(current, maxWorkers) };
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
