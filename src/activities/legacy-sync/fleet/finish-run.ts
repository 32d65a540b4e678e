import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import type { FinishRunInput, FleetActivities, RunSummary } from '../../../workflows/legacy-sync/activities.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';
import { type Settlement, settleVehicle } from './settle-vehicle.ts';

/**
 * Ends a run: what it left planned or claimed is settled as failed, its row says how it ended, and the sums are the answer. Finishing
 * twice is finishing once. A run that was refused before it had a row is all zeros. Errors: DatabaseUnavailable.
 */
export function createFinishRun({ pool }: Pick<FleetDependencies, 'pool'>): FleetActivities['finishRun'] {
  return (input) =>
    namingDatabaseFailures(`Finishing run ${input.runId}`, () =>
      inTransaction(pool, async (client) => {
        // Excludes the claims of this run, which share the row's lock.
        const ended = await client.query(
          `UPDATE sync_runs SET state = $2, finished_at = coalesce(finished_at, now())
           WHERE run_id = $1 AND state IN ('running', 'lost')`,
          [input.runId, input.outcome],
        );
        if (ended.rowCount === 1) await settleLeftovers(client, input.runId, leftoverOf(input));
        return summarise(client, input.runId);
      }),
    );
}

/** Settles every vehicle of a run that is in one of these states. */
export async function settleLeftovers(
  client: pg.ClientBase,
  runId: string,
  settlement: Settlement,
  states: readonly ('planned' | 'claimed')[] = ['planned', 'claimed'],
): Promise<number> {
  const { rows } = await client.query<{ vehicleId: string }>(
    `SELECT vehicle_id AS "vehicleId" FROM vehicle_syncs WHERE run_id = $1 AND state = ANY($2) ORDER BY vehicle_id FOR UPDATE`,
    [runId, states],
  );
  for (const { vehicleId } of rows) await settleVehicle(client, { runId, vehicleId }, settlement);
  return rows.length;
}

function leftoverOf({ runId, outcome }: FinishRunInput): Settlement {
  if (outcome === 'cancelled') return { status: 'failed', code: 'Cancelled', message: `Run ${runId} was cancelled.` };
  const message = `Run ${runId} ended (${outcome}) before this vehicle was synced. The next run takes it up where it stands.`;
  return { status: 'failed', code: 'Lost', message };
}

async function summarise(client: pg.ClientBase, runId: string): Promise<RunSummary> {
  const { rows } = await client.query<RunSummary>(
    `SELECT $1::text AS "runId", (count(sync.vehicle_id) + coalesce(max(run.up_to_date), 0))::integer AS vehicles,
            (count(*) FILTER (WHERE sync.status = 'completed'))::integer AS completed,
            (count(*) FILTER (WHERE sync.status = 'failed'))::integer AS failed,
            coalesce(max(run.up_to_date), 0)::integer AS "upToDate",
            coalesce(sum(sync.rows), 0)::float8 AS rows, coalesce(sum(sync.bytes), 0)::float8 AS bytes,
            coalesce(sum(sync.quarantined), 0)::float8 AS quarantined
     FROM sync_runs AS run LEFT JOIN vehicle_syncs AS sync ON sync.run_id = run.run_id WHERE run.run_id = $2`,
    [runId, runId],
  );
  const [summary] = rows;
  if (!summary) throw new Error(`The sums of run ${runId} gave no row.`);
  return summary;
}
