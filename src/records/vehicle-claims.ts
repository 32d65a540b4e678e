import type { Queryable } from '../connections/postgres.ts';
import type { FailureCode } from '../errors.ts';
import type { VehicleSyncKey } from '../workflows/legacy-sync/activities.ts';
import { noteSynced } from './synced-vehicles.ts';
import { CLOCK_STOPPED, type WorkClaims, workClaims } from './work-claims.ts';

/** How a vehicle's sync in a run ended. */
export type Settlement = { status: 'completed' } | { status: 'failed'; code: FailureCode; message: string };

/** Identifies a row of `vehicle_syncs`. */
export type VehicleInRun = Pick<VehicleSyncKey, 'runId' | 'vehicleId'>;

/** Failure texts are shown in a table and kept for the run's lifetime, so they are cut off here. */
const MESSAGE_LENGTH = 2_000;

/** `$1` to `$3` are a VehicleSyncKey. */
const CLAIMED = `run_id = $1 AND vehicle_id = $2 AND slot = $3 AND state = 'claimed'`;

const valuesOf = ({ runId, vehicleId, slot }: VehicleSyncKey): unknown[] => [runId, vehicleId, slot];

/** The claims of vehicles; what one vehicle's work says of itself. */
export const vehicleClaims: WorkClaims = workClaims('vehicle_syncs', 'vehicle_id');

/** All vehicles that any run has claimed now. */
export async function claimedVehicles(database: Queryable): Promise<VehicleInRun[]> {
  const { rows } = await database.query<VehicleInRun>(
    `SELECT run_id AS "runId", vehicle_id AS "vehicleId" FROM vehicle_syncs WHERE state = 'claimed'`,
  );
  return rows;
}

/** The run that has claimed a vehicle now; null: none has. The run `otherThan` is left out. */
export async function runHolding(
  database: Queryable,
  vehicleId: string,
  otherThan: string | null = null,
): Promise<string | null> {
  const { rows } = await database.query<{ runId: string }>(
    `SELECT run_id AS "runId" FROM vehicle_syncs
      WHERE vehicle_id = $1 AND state = 'claimed' AND ($2::uuid IS NULL OR run_id <> $2)`,
    [vehicleId, otherThan],
  );
  return rows[0]?.runId ?? null;
}

export interface ExpiredClaim extends VehicleSyncKey {
  workflowId: string;
  runState: string;
  expiredMs: number;
}

/** Claims whose lease ran out at least `atLeastMs` ago, the longest first. */
export async function expiredClaims(database: Queryable, atLeastMs = 0): Promise<ExpiredClaim[]> {
  const { rows } = await database.query<ExpiredClaim>(
    `SELECT sync.run_id AS "runId", sync.vehicle_id AS "vehicleId", sync.slot, run.workflow_id AS "workflowId", run.state AS "runState",
            (extract(epoch FROM clock_timestamp() - sync.lease_until) * 1000)::float8 AS "expiredMs"
       FROM vehicle_syncs AS sync JOIN sync_runs AS run USING (run_id)
      WHERE sync.state = 'claimed' AND sync.lease_until < clock_timestamp() - $1 * interval '1 millisecond' ORDER BY sync.lease_until`,
    [atLeastMs],
  );
  return rows;
}

/** Locks a claim whose lease ran out. False: the claim was renewed, settled or taken by another slot since, or another process has locked it. */
export async function lockExpired(client: Queryable, key: VehicleSyncKey): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM vehicle_syncs WHERE ${CLAIMED} AND lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED`,
    valuesOf(key),
  );
  return rowCount === 1;
}

/** The caller holds the lock of `lockExpired`. */
export async function extendLease(
  client: Queryable,
  { runId, vehicleId }: VehicleInRun,
  leaseMs: number,
): Promise<void> {
  await client.query(
    `UPDATE vehicle_syncs SET lease_until = clock_timestamp() + $3 * interval '1 millisecond'
      WHERE run_id = $1 AND vehicle_id = $2`,
    [runId, vehicleId, leaseMs],
  );
}

/**
 * Ends a vehicle's part in a run. The totals come from the import ledger, not from a workflow's memory. The caller holds the row's lock. A
 * vehicle that is settled already stays as it is.
 */
export async function settleVehicle(client: Queryable, key: VehicleInRun, settlement: Settlement): Promise<void> {
  const failure = settlement.status === 'failed' ? settlement : null;
  const message = failure?.message.slice(0, MESSAGE_LENGTH) ?? null;
  await client.query(
    `UPDATE vehicle_syncs SET state = 'settled', status = $3, failure_code = $4, failure_message = $5,
            settled_at = clock_timestamp(), ${CLOCK_STOPPED}, lease_until = NULL,
            ranges = done.ranges, rows = done.rows, inserted = done.inserted, duplicates = done.duplicates,
            quarantined = done.quarantined, without_fix = done.without_fix, bytes = done.bytes
     FROM (SELECT count(*) AS ranges, coalesce(sum(rows), 0) AS rows, coalesce(sum(inserted), 0) AS inserted,
                  coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(quarantined), 0) AS quarantined,
                  coalesce(sum(bytes), 0) AS bytes, coalesce(sum(without_fix), 0) AS without_fix
           FROM import_ledger WHERE run_id = $1 AND vehicle_id = $2) AS done
     WHERE run_id = $1 AND vehicle_id = $2 AND state <> 'settled'`,
    [key.runId, key.vehicleId, settlement.status, failure?.code ?? null, message],
  );
  if (failure === null) await noteSynced(client, key.vehicleId);
}

/** Settles every vehicle of a run that is in one of these states, and returns their number. */
export async function settleLeftovers(
  client: Queryable,
  runId: string,
  { settlement, states }: { settlement: Settlement; states: readonly ('planned' | 'claimed')[] },
): Promise<number> {
  const { rows } = await client.query<{ vehicleId: string }>(
    `SELECT vehicle_id AS "vehicleId" FROM vehicle_syncs WHERE run_id = $1 AND state = ANY($2) ORDER BY vehicle_id FOR UPDATE`,
    [runId, states],
  );
  for (const { vehicleId } of rows) await settleVehicle(client, { runId, vehicleId }, settlement);
  return rows.length;
}

/** Returns a claimed vehicle to its run. It is claimed again after the other vehicles, and not within `afterMs`. */
export async function putBack(
  client: Queryable,
  { runId, vehicleId }: VehicleInRun,
  { reason, afterMs }: { reason: string; afterMs: number },
): Promise<void> {
  await client.query(
    `UPDATE vehicle_syncs SET state = 'planned', status = 'idle', slot = NULL, sequence = NULL, claimed_at = NULL,
            deferrals = deferrals + 1, not_before = clock_timestamp() + $3 * interval '1 millisecond',
            failure_message = $4, ${CLOCK_STOPPED}, lease_until = NULL
     WHERE run_id = $1 AND vehicle_id = $2 AND state = 'claimed'`,
    [runId, vehicleId, afterMs, reason.slice(0, MESSAGE_LENGTH)],
  );
}

/** Number of worker slots that have claimed a vehicle or a slice of a table now, over all runs. */
export async function countClaims(database: Queryable): Promise<number> {
  const { rows } = await database.query<{ claims: number }>(
    `SELECT ((SELECT count(*) FROM vehicle_syncs WHERE state = 'claimed' AND slot IS NOT NULL)
             + (SELECT count(*) FROM table_slices WHERE state = 'claimed'))::float8 AS claims`,
  );
  return rows[0]?.claims ?? 0;
}

/** Those of `countClaims` that nobody works on now: they wait for a permit of their server, for the end of a retry's wait, or for a worker. */
export async function countWaitingClaims(database: Queryable): Promise<number> {
  const { rows } = await database.query<{ claims: number }>(
    `SELECT ((SELECT count(*) FROM vehicle_syncs WHERE state = 'claimed' AND slot IS NOT NULL AND working_since IS NULL)
             + (SELECT count(*) FROM table_slices WHERE state = 'claimed' AND working_since IS NULL))::float8 AS claims`,
  );
  return rows[0]?.claims ?? 0;
}
