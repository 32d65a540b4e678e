import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import type { WorkerStatus } from '../../../records/progress.ts';
import { vehicleClaims } from '../../../records/vehicle-claims.ts';
import type { WorkClaims } from '../../../records/work-claims.ts';
import { Failure, type FailureCode } from '../../../errors.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import { type Retry, retryAfter } from './export-import-retry.ts';

/** Keeps the row of a claimed vehicle. Every call fails with NoClaim when the run no longer claims the vehicle. */
export interface VehicleWork {
  /** Starts the work clock (it may run already) and names the stage; `completed` and `failed` are for the claim that settles the vehicle. */
  begin(key: VehicleSyncKey, status?: WorkerStatus): Promise<void>;
  /** Names the stage; the work clock is not touched. */
  enter(key: VehicleSyncKey, status: WorkerStatus): Promise<void>;
  /** Stops the work clock: the vehicle queues, or the activity ends. */
  end(key: VehicleSyncKey): Promise<void>;
  /** Extends the lease, and adds to the work clock when it runs. Called each second; writes every third. */
  renewLease(key: VehicleSyncKey): Promise<void>;
  /** Milliseconds of work in this run up to now. */
  workedMs(key: VehicleSyncKey): Promise<number>;
  /** Counts a failure of the work and says by the retry rule whether, and when, it is tried again. */
  recordFailure(key: VehicleSyncKey, code: FailureCode): Promise<Retry & { failures: number }>;
}

export interface VehicleWorkDependencies {
  pool: pg.Pool;
  settings: () => Promise<LegacySyncSettings> | LegacySyncSettings;
  random?: () => number;
  /** Whose rows: those of vehicles, or those of slices of tables, which are named as vehicles are. */
  claims?: WorkClaims;
}

const RENEW_MS = 3_000;

export function createVehicleWork({
  pool,
  settings,
  random = Math.random,
  claims = vehicleClaims,
}: VehicleWorkDependencies): VehicleWork {
  const renewed = new Map<string, number>();
  const nameOf = ({ runId, vehicleId }: VehicleSyncKey): string => `${runId}/${vehicleId}`;
  const leaseMs = async (): Promise<number> => (await settings()).leaseMs;
  return {
    async begin(key, status) {
      const claim = { status, leaseMs: await leaseMs() };
      await onClaim(key, () => claims.startClock(pool, key, claim));
    },
    async enter(key, status) {
      await onClaim(key, () => claims.enterStage(pool, key, status));
    },
    async end(key) {
      renewed.delete(nameOf(key));
      await onClaim(key, () => claims.stopClock(pool, key));
    },
    async renewLease(key) {
      if (Date.now() - (renewed.get(nameOf(key)) ?? 0) < RENEW_MS) return;
      renewed.set(nameOf(key), Date.now());
      const lease = await leaseMs();
      await onClaim(key, () => claims.renewClaim(pool, key, lease));
    },
    workedMs: (key) => onClaim(key, () => claims.readWorkedMs(pool, key)),
    async recordFailure(key, code) {
      const rule = await settings();
      const failures = await onClaim(key, () => claims.countWorkFailure(pool, key));
      return { failures, ...retryAfter({ code, failures }, rule, random) };
    },
  };
}

/** What `ask` answers; false and null are how it says that the slot does not claim the vehicle. Errors: NoClaim then. */
async function onClaim<T>(key: VehicleSyncKey, ask: () => Promise<T | false | null>): Promise<T> {
  const doing = `Keeping the work of vehicle ${key.vehicleId} in run ${key.runId}`;
  const answer = await namingDatabaseFailures(doing, ask);
  if (answer !== false && answer !== null) return answer;
  throw new Failure('NoClaim', `${doing}: worker slot ${key.slot} of that run does not claim it (any more).`);
}
