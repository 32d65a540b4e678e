import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import type { WorkerStatus } from '../../../connections/progress.ts';
import { FAILURES, Failure, type FailureCode } from '../../../errors.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';

/** The row of a claimed vehicle, as the activities keep it. Every call fails with NoClaim when the run does not hold the vehicle. */
export interface VehicleWork {
  /** Starts the work clock (it may run already) and names the stage; `completed` and `failed` are for the claim that settles the vehicle. */
  begin(key: VehicleSyncKey, status?: WorkerStatus): Promise<void>;
  /** Names the stage; the clock goes on as it does. */
  enter(key: VehicleSyncKey, status: WorkerStatus): Promise<void>;
  /** Stops the work clock: the vehicle queues, or the activity ends. */
  end(key: VehicleSyncKey): Promise<void>;
  /** A sign of life: moves the lease on, and the clock when it runs. Called each second; writes every third. */
  renewLease(key: VehicleSyncKey): Promise<void>;
  /** Milliseconds of work in this run, this moment's included. */
  workedMs(key: VehicleSyncKey): Promise<number>;
  /** Counts a failure of the work: after `retryAttempts` retries, or for a code that retrying does not help, it may not be tried again. */
  recordFailure(
    key: VehicleSyncKey,
    code: FailureCode,
  ): Promise<{ failures: number; mayRetry: boolean; retryInMs: number }>;
}

export interface VehicleWorkDependencies {
  pool: pg.Pool;
  settings: () => Promise<LegacySyncSettings> | LegacySyncSettings;
  random?: () => number;
}

const RENEW_MS = 3_000;
/**
 * What a clock that runs adds. A worker that was killed leaves it running: more than the heartbeat timeout (10 s) after the last sign
 * of life nobody was working.
 */
const RUNNING_MS = `CASE WHEN working_since IS NULL THEN 0
  ELSE least(extract(epoch FROM clock_timestamp() - working_since) * 1000, 10000) END::bigint`;
const HELD = `run_id = $1 AND vehicle_id = $2 AND slot = $3 AND state = 'claimed'`;

export function createVehicleWork({ pool, settings, random = Math.random }: VehicleWorkDependencies): VehicleWork {
  const renewed = new Map<string, number>();
  const nameOf = ({ runId, vehicleId }: VehicleSyncKey): string => `${runId}/${vehicleId}`;

  async function onClaim<T extends pg.QueryResultRow>(
    key: VehicleSyncKey,
    sql: string,
    values: unknown[] = [],
  ): Promise<T> {
    const { runId, vehicleId, slot } = key;
    const doing = `Keeping the work of vehicle ${vehicleId} in run ${runId}`;
    const { rows } = await namingDatabaseFailures(doing, () => pool.query<T>(sql, [runId, vehicleId, slot, ...values]));
    if (!rows[0])
      throw new Failure('NoClaim', `${doing}: worker slot ${slot} of that run does not hold it (any more).`);
    return rows[0];
  }

  return {
    async begin(key, status) {
      const { leaseMs } = await settings();
      await onClaim(
        key,
        `UPDATE vehicle_syncs SET worked_ms = worked_ms + ${RUNNING_MS}, working_since = clock_timestamp(),
                status = coalesce($4, status), lease_until = clock_timestamp() + $5 * interval '1 millisecond'
         WHERE ${HELD} RETURNING 1`,
        [status ?? null, leaseMs],
      );
    },
    enter: async (key, status) =>
      void (await onClaim(key, `UPDATE vehicle_syncs SET status = $4 WHERE ${HELD} RETURNING 1`, [status])),
    async end(key) {
      renewed.delete(nameOf(key));
      await onClaim(
        key,
        `UPDATE vehicle_syncs SET worked_ms = worked_ms + ${RUNNING_MS}, working_since = NULL WHERE ${HELD} RETURNING 1`,
      );
    },
    async renewLease(key) {
      if (Date.now() - (renewed.get(nameOf(key)) ?? 0) < RENEW_MS) return;
      renewed.set(nameOf(key), Date.now());
      const { leaseMs } = await settings();
      await onClaim(
        key,
        `UPDATE vehicle_syncs SET worked_ms = worked_ms + ${RUNNING_MS},
                working_since = CASE WHEN working_since IS NOT NULL THEN clock_timestamp() END,
                lease_until = clock_timestamp() + $4 * interval '1 millisecond'
         WHERE ${HELD} RETURNING 1`,
        [leaseMs],
      );
    },
    async workedMs(key) {
      const { worked } = await onClaim<{ worked: number }>(
        key,
        `SELECT (worked_ms + ${RUNNING_MS})::float8 AS worked FROM vehicle_syncs WHERE ${HELD}`,
      );
      return worked;
    },
    async recordFailure(key, code) {
      const { retryAttempts, retryInitialMs, retryMaxMs } = await settings();
      const { failures } = await onClaim<{ failures: number }>(
        key,
        `UPDATE vehicle_syncs SET work_failures = work_failures + 1 WHERE ${HELD} RETURNING work_failures AS failures`,
      );
      const wait = Math.min(retryInitialMs * 2 ** (failures - 1), retryMaxMs);
      return {
        failures,
        mayRetry: FAILURES[code].retry && failures <= retryAttempts,
        retryInMs: Math.round(wait * (0.75 + random() / 2)),
      };
    },
  };
}

export async function isHeld(pool: pg.Pool, { runId, vehicleId, slot }: VehicleSyncKey): Promise<boolean> {
  const { rows } = await pool.query(`SELECT FROM vehicle_syncs WHERE ${HELD}`, [runId, vehicleId, slot]);
  return rows.length > 0;
}
