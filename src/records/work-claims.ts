import type { Queryable } from '../connections/postgres.ts';
import type { VehicleSyncKey } from '../workflows/legacy-sync/activities.ts';
import type { WorkerStatus } from './progress.ts';

/**
 * The time that a running work clock adds. A killed worker leaves its clock running, so at most the heartbeat timeout (10 s) after the last
 * renewal counts as work.
 */
export const RUNNING_MS = `CASE WHEN working_since IS NULL THEN 0
  ELSE least(extract(epoch FROM clock_timestamp() - working_since) * 1000, 10000) END::bigint`;
const WORKED = `worked_ms = worked_ms + ${RUNNING_MS}`;
export const CLOCK_STOPPED = `${WORKED}, working_since = NULL`;

/** What work says of its claim. False and null: the slot does not hold the claim. */
export interface WorkClaims {
  /** Starts the work clock unless it runs already, renews the lease and sets the stage. */
  startClock(
    database: Queryable,
    key: VehicleSyncKey,
    claim: { status: WorkerStatus | undefined; leaseMs: number },
  ): Promise<boolean>;
  /** Sets the stage and leaves the clock alone. */
  enterStage(database: Queryable, key: VehicleSyncKey, status: WorkerStatus): Promise<boolean>;
  stopClock(database: Queryable, key: VehicleSyncKey): Promise<boolean>;
  /** Extends the lease, and adds up the time of a running clock. */
  renewClaim(database: Queryable, key: VehicleSyncKey, leaseMs: number): Promise<boolean>;
  /** Milliseconds of work in this run up to now. */
  readWorkedMs(database: Queryable, key: VehicleSyncKey): Promise<number | null>;
  /** Counts a failure of the work and returns the number since the last committed range. */
  countWorkFailure(database: Queryable, key: VehicleSyncKey): Promise<number | null>;
  isClaimed(database: Queryable, key: VehicleSyncKey): Promise<boolean>;
  /** Also of a claim that is settled. */
  readWorkDone(database: Queryable, key: Pick<VehicleSyncKey, 'runId' | 'vehicleId'>): Promise<WorkDone>;
}

/** Claims of vehicles and claims of slices are kept alike, each kind in a table of its own. What a key calls vehicleId is there in `idColumn`. */
export function workClaims(table: 'vehicle_syncs' | 'table_slices', idColumn: 'vehicle_id' | 'slice_id'): WorkClaims {
  const claimed = `run_id = $1 AND ${idColumn} = $2 AND slot = $3 AND state = 'claimed'`;
  const valuesOf = ({ runId, vehicleId, slot }: VehicleSyncKey): unknown[] => [runId, vehicleId, slot];
  const change = async (database: Queryable, key: VehicleSyncKey, set: string, values: unknown[] = []) => {
    const { rowCount } = await database.query(`UPDATE ${table} SET ${set} WHERE ${claimed}`, [
      ...valuesOf(key),
      ...values,
    ]);
    return rowCount === 1;
  };
  const ask = async <T extends object>(database: Queryable, key: VehicleSyncKey, statement: string) =>
    (await database.query<T>(statement, valuesOf(key))).rows[0];
  const started = `${WORKED}, working_since = clock_timestamp(), status = coalesce($4, status), ${leaseOf('$5')}`;
  const renewed = `${WORKED}, working_since = CASE WHEN working_since IS NOT NULL THEN clock_timestamp() END, ${leaseOf('$4')}`;
  return {
    startClock: (database, key, { status, leaseMs }) => change(database, key, started, [status ?? null, leaseMs]),
    enterStage: (database, key, status) => change(database, key, 'status = $4', [status]),
    stopClock: (database, key) => change(database, key, CLOCK_STOPPED),
    renewClaim: (database, key, leaseMs) => change(database, key, renewed, [leaseMs]),
    async readWorkedMs(database, key) {
      const sql = `SELECT (worked_ms + ${RUNNING_MS})::float8 AS worked FROM ${table} WHERE ${claimed}`;
      return (await ask<{ worked: number }>(database, key, sql))?.worked ?? null;
    },
    async countWorkFailure(database, key) {
      const sql = `UPDATE ${table} SET work_failures = work_failures + 1 WHERE ${claimed} RETURNING work_failures AS failures`;
      return (await ask<{ failures: number }>(database, key, sql))?.failures ?? null;
    },
    isClaimed: async (database, key) =>
      (await ask(database, key, `SELECT FROM ${table} WHERE ${claimed}`)) !== undefined,
    async readWorkDone(database, { runId, vehicleId }) {
      const sql = `SELECT rows::float8 AS rows, worked_ms::float8 AS "workedMs" FROM ${table} WHERE run_id = $1 AND ${idColumn} = $2`;
      const { rows } = await database.query<WorkDone>(sql, [runId, vehicleId]);
      return rows[0] ?? { rows: 0, workedMs: 0 };
    },
  };
}

/** Vehicles and slices that are claimed at server `id`, an SQL expression. A vehicle that is read with its table is in flight as its slice. */
export const inFlightAt = (id: string): string => `
  ((SELECT count(*) FROM vehicle_syncs WHERE server_id = ${id} AND state = 'claimed' AND read_id IS NULL)
   + (SELECT count(*) FROM table_slices WHERE server_id = ${id} AND state = 'claimed'))::integer`;

export async function countInFlight(database: Queryable, serverId: string): Promise<number> {
  const { rows } = await database.query<{ claimed: number }>(`SELECT ${inFlightAt('$1')} AS claimed`, [serverId]);
  return rows[0]?.claimed ?? 0;
}

/** What came of a claim so far, and how long it was worked on. */
export interface WorkDone {
  rows: number;
  workedMs: number;
}

const leaseOf = (place: string): string => `lease_until = clock_timestamp() + ${place} * interval '1 millisecond'`;
