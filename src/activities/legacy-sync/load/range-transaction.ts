import type pg from 'pg';
import { isDatabaseUnavailable } from '../../../connections/database-errors.ts';
import type { RangeTotals } from '../../../workflows/legacy-sync/activities.ts';
import { beginRange, type RangeKey, readLedger } from './range-records.ts';

export interface ImportDependencies {
  pool: pg.Pool;
  /** Called at 'import:before-commit' and 'import:after-commit': where the fault tests strike. */
  faultPoint?: (name: string) => Promise<void> | void;
  /** How long an answer to COMMIT is waited for before the ledger is asked. */
  commitTimeoutMs?: number;
}

/** Loads the range within the transaction. What is given to `onAbort` is called when the signal fires, to end a statement under way. */
type Work = (client: pg.PoolClient, onAbort: (stop: (reason: Error) => void) => void) => Promise<RangeTotals>;

const COMMIT_TIMEOUT_MS = 30_000;
/** How long PostgreSQL may take to end what was broken off, before the connection is cut. */
const GRACE_MS = 2_000;

/**
 * Runs `work` and COMMIT unless the ledger has the range already. An answer to COMMIT that does not come is looked up in the ledger. The
 * client goes back to the pool clean, or not at all.
 */
export async function inRangeTransaction(
  deps: ImportDependencies,
  range: RangeKey,
  signal: AbortSignal,
  work: Work,
): Promise<RangeTotals> {
  const lease = leaseClient(await deps.pool.connect());
  const { client } = lease;
  let stop = (_reason: Error): void => {};
  let cut: NodeJS.Timeout | undefined;
  const abort = (): void => {
    stop(new Error('The import was cancelled.'));
    cut = setTimeout(() => lease.end(true), GRACE_MS);
  };
  signal.addEventListener('abort', abort, { once: true });
  let outcome: 'open' | 'committing' | 'committed' = 'open';
  try {
    await beginRange(client, range.vehicleId);
    const recorded = await readLedger(client, range);
    if (recorded !== null) return await rolledBack(lease, recorded);
    const totals = await work(client, (handler) => (stop = handler));
    await deps.faultPoint?.('import:before-commit');
    signal.throwIfAborted();
    outcome = 'committing';
    await commit(client, deps.commitTimeoutMs ?? COMMIT_TIMEOUT_MS);
    outcome = 'committed';
    await deps.faultPoint?.('import:after-commit');
    return totals;
  } catch (error) {
    if (outcome === 'open') await rolledBack(lease, null);
    if (outcome === 'committing') return await askLedger(deps.pool, range, lease, error);
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    clearTimeout(cut);
    lease.end(false);
  }
}

interface Lease {
  client: pg.PoolClient;
  /** Gives the client back, or destroys it with whatever it is doing; the first call decides. */
  end(destroy: boolean): void;
}

function leaseClient(client: pg.PoolClient): Lease {
  let ended = false;
  // A connection that dies says so to its query and to the client: without a listener the second would end the process.
  const ignore = (): void => {};
  client.on('error', ignore);
  return {
    client,
    end(destroy) {
      if (ended) return;
      ended = true;
      // A destroyed client may still emit.
      if (!destroy) client.removeListener('error', ignore);
      client.release(destroy);
    },
  };
}

async function commit(client: pg.PoolClient, timeoutMs: number): Promise<void> {
  const { command } = await within(timeoutMs, client.query('COMMIT'));
  // COMMIT of a transaction in which a statement failed is answered with ROLLBACK, and is no error to pg.
  if (command !== 'COMMIT') throw new Error('PostgreSQL rolled the import back instead of committing it.');
}

/** Whether it was committed before the answer got lost. The lock in `beginRange` waits for a COMMIT that is still under way. */
async function askLedger(pool: pg.Pool, range: RangeKey, lease: Lease, error: unknown): Promise<RangeTotals> {
  if (!isDatabaseUnavailable(error)) {
    await rolledBack(lease, null);
    throw error;
  }
  lease.end(true);
  const second = leaseClient(await pool.connect());
  try {
    await beginRange(second.client, range.vehicleId);
    const recorded = await readLedger(second.client, range);
    await rolledBack(second, null);
    if (recorded === null) throw error;
    return recorded;
  } catch (again) {
    second.end(true);
    throw again;
  } finally {
    second.end(false);
  }
}

/** Ends the transaction, or the client if it does not answer. */
async function rolledBack<T>(lease: Lease, result: T): Promise<T> {
  try {
    await within(GRACE_MS, lease.client.query('ROLLBACK'));
  } catch {
    lease.end(true);
  }
  return result;
}

async function within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // The text is one that isDatabaseUnavailable knows.
    timer = setTimeout(() => reject(new Error('Query read timeout')), timeoutMs);
  });
  answer.catch(() => {});
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
