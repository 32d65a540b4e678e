import pg from 'pg';
import { isDatabaseUnavailable } from './database-errors.ts';

export interface PostgresOptions {
  max: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** Longest statement; a load sets its own with SET LOCAL. */
  statementTimeoutMs?: number;
  /** Longest wait for a lock. */
  lockTimeoutMs?: number;
  /** The server ends a transaction that does nothing for this long, so that a stuck process keeps no locks. */
  idleInTransactionTimeoutMs?: number;
  connectTimeoutMs?: number;
  /**
   * Longest wait for an answer, because a server that hangs or has gone enforces no timeout of its own; by then the client is given up. It
   * has to be longer than every statement's timeout, and a pool for COPY can have none: pg counts a COPY as one query.
   */
  queryTimeoutMs?: number;
  /** Every connection works under this role. */
  role?: string;
  /** Called when a connection breaks while it is idle, or after its query has ended. */
  onError?: (error: Error) => void;
}

/** Runs SQL: a pool, or the client of a transaction. */
export type Queryable = Pick<pg.Pool | pg.ClientBase, 'query'>;

/** A pool whose broken connections never end the process. */
export function openPostgres(url: string, options: PostgresOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max,
    application_name: options.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    statement_timeout: options.statementTimeoutMs ?? 60_000,
    lock_timeout: options.lockTimeoutMs ?? 10_000,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 60_000,
    ...(options.queryTimeoutMs === undefined ? {} : { query_timeout: options.queryTimeoutMs }),
    ...(options.role === undefined ? {} : { options: `-c role=${options.role}` }),
  });
  const onError = (error: Error): void => options.onError?.(error);
  // pg emits 'error' on an idle client through the pool, and late ones (ECONNRESET after 57P01) on the client itself.
  pool.on('error', onError);
  pool.on('connect', (client) => client.on('error', onError));
  return pool;
}

/**
 * Runs `work` between BEGIN and COMMIT; any error rolls back and is thrown on. A client whose state is not known afterwards is
 * destroyed instead of going back to the pool. `begin` may say more than BEGIN, in the same round trip.
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  begin = 'BEGIN',
): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query(begin);
    const result = await work(client);
    const committed = await client.query('COMMIT');
    // COMMIT of a transaction in which a statement failed is answered with ROLLBACK, and is no error to pg.
    if (committed.command !== 'COMMIT')
      throw new Error('The transaction was rolled back: a statement in it had failed.');
    return result;
  } catch (error) {
    broken = isDatabaseUnavailable(error) || !(await rolledBack(client));
    throw error;
  } finally {
    client.release(broken);
  }
}

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK');
    return true;
  } catch {
    return false;
  }
}
