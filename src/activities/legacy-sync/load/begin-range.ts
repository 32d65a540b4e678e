import { hostname } from 'node:os';
import type pg from 'pg';
import { sqlState } from '../../../connections/database-errors.ts';
import { Failure } from '../../../errors.ts';

/** Whose transaction it is: an import of a sync, rows of quarantine that are tried again, or what a reconciliation brings in line or removes. */
export type VehicleWork = 'import' | 'redrive' | 'repair';

export interface RangeLock {
  work?: VehicleWork;
  /** How long somebody else may hold the vehicle. */
  waitMs?: number;
}

/** How long an import waits for one of the same vehicle that may be about to end. */
const GRACE_MS = 4_000;
const LONGEST_WAIT_MS = 30_000;
const LOCK_NOT_AVAILABLE = '55P03';

const lockOf = (client: pg.PoolClient, vehicleId: string): string =>
  `hashtextextended(${client.escapeLiteral(`fleetgraph import ${vehicleId}`)}, 0)`;

/**
 * Begins the transaction of one range, under a lock per vehicle: an earlier attempt cannot import the same vehicle meanwhile, even when its
 * PostgreSQL process has not noticed yet that its client is gone. Temporal has given up every attempt before this one, so an import that still
 * holds the lock belongs to a worker that stands still: its transaction is ended, and nothing of it is there.
 * Errors: DatabaseUnavailable, naming who holds the lock.
 */
export async function beginRange(
  client: pg.PoolClient,
  vehicleId: string,
  { work = 'import', waitMs = LONGEST_WAIT_MS }: RangeLock = {},
): Promise<void> {
  if (work === 'import') {
    if (await begun(client, { vehicleId, work, waitMs: Math.min(GRACE_MS, waitMs) })) return;
    await endOutlived(client, vehicleId);
  }
  if (await begun(client, { vehicleId, work, waitMs })) return;
  const holder = await holderOf(client, vehicleId);
  throw new Failure(
    'DatabaseUnavailable',
    `Importing positions of vehicle ${vehicleId}: ${holder} has held it for longer than ${waitMs} ms. It is tried again.`,
  );
}

/** False: somebody holds the lock for longer than `wait`; there is no transaction then. */
async function begun(
  client: pg.PoolClient,
  { vehicleId, work, waitMs }: { vehicleId: string; work: VehicleWork; waitMs: number },
): Promise<boolean> {
  const name = client.escapeLiteral(`fleetgraph ${work} by ${process.pid}@${hostname()}`);
  try {
    // One round trip. client_connection_check_interval ends a long statement whose client was destroyed. Without statistics the planner may take the
    // staged rows for a handful and compare each with each, so nested loops are off: no statement of an import gains from them. A join that can only
    // be a nested loop then looks so costly that it would be compiled first, for most of a second, so jit is off, too.
    await client.query(
      `BEGIN;
       SET LOCAL application_name = ${name};
       SET LOCAL timezone = 'UTC';
       SET LOCAL lock_timeout = ${waitMs};
       SET LOCAL statement_timeout = '30min';
       SET LOCAL idle_in_transaction_session_timeout = '5min';
       SET LOCAL client_connection_check_interval = '2s';
       SET LOCAL client_min_messages = 'warning';
       SET LOCAL enable_nestloop = off;
       SET LOCAL jit = off;
       SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0;
       SELECT pg_advisory_xact_lock(${lockOf(client, vehicleId)});
       SET LOCAL lock_timeout = ${LONGEST_WAIT_MS}`,
    );
    return true;
  } catch (error) {
    if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
    await client.query('ROLLBACK');
    return false;
  }
}

/** Rows of pg_locks for a vehicle's lock, whose key PostgreSQL shows in two halves, with the session that holds it. */
const holders = (client: pg.PoolClient, vehicleId: string): string => `
  FROM pg_locks AS held JOIN pg_stat_activity AS session USING (pid)
 WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1 AND held.pid <> pg_backend_pid()
   AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND (held.classid::bigint << 32) | held.objid::bigint = ${lockOf(client, vehicleId)}`;

async function endOutlived(client: pg.PoolClient, vehicleId: string): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(session.pid) ${holders(client, vehicleId)} AND session.application_name LIKE 'fleetgraph import%'`,
  );
}

async function holderOf(client: pg.PoolClient, vehicleId: string): Promise<string> {
  const { rows } = await client.query<{ name: string; pid: number; since: Date | null }>(
    `SELECT session.application_name AS name, session.pid, session.xact_start AS since ${holders(client, vehicleId)}`,
  );
  const [holder] = rows;
  if (holder === undefined) return 'another transaction';
  const since = holder.since === null ? '' : ` since ${holder.since.toISOString()}`;
  return `${holder.name || 'a session without a name'} (PostgreSQL process ${holder.pid}${since})`;
}
