import type pg from 'pg';
import { isDatabaseUnavailable } from '../../../connections/database-errors.ts';
import { type RangeKey, readLedger } from '../../../records/import-ledger.ts';
import type { RangeTotals } from '../../../workflows/legacy-sync/activities.ts';
import { type RangeLock, beginRange } from './begin-range.ts';

export interface ImportDependencies {
  pool: pg.Pool;
  /** Called at 'import:before-commit' and 'import:after-commit': where the fault tests strike. */
  faultPoint?: (name: string) => Promise<void> | void;
  /** How long to wait for the answer to COMMIT before asking the ledger. */
  commitTimeoutMs?: number;
  /** How long another transaction may hold the vehicle. */
  lockWaitMs?: number;
}

/** Loads the range within the transaction. The callback given to `onAbort` ends a statement under way when the signal aborts. */
type Work = (client: pg.PoolClient, onAbort: (stop: (reason: Error) => void) => void) => Promise<RangeTotals>;

const COMMIT_TIMEOUT_MS = 30_000;
/** How long PostgreSQL may take to end a cancelled statement before the connection is cut. */
const GRACE_MS = 2_000;

export interface RangeTransaction {
  range: RangeKey;
  signal: AbortSignal;
  /** What the ledger says of the range; default: the ledger of a vehicle's ranges. */
  recorded?: (client: pg.PoolClient) => Promise<RangeTotals | null>;
}

/**
 * Runs `work` and COMMIT unless the ledger has the range already. When COMMIT is not answered, the ledger tells whether it happened. The
 * client goes back to the pool without an open transaction, or is destroyed.
 */
export async function inRangeTransaction(
  deps: ImportDependencies,
  { range, signal, recorded: readRecorded = (client) => readLedger(client, range) }: RangeTransaction,
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
    await beginRange(client, range.vehicleId, lockOf(deps));
    const recorded = await readRecorded(client);
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
    if (outcome === 'committing') return await askLedger(deps.pool, { range, lease, readRecorded }, error);
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    clearTimeout(cut);
    lease.end(false);
  }
}

const lockOf = ({ lockWaitMs }: ImportDependencies): RangeLock =>
  lockWaitMs === undefined ? {} : { waitMs: lockWaitMs };

interface Lease {
  client: pg.PoolClient;
  /** Gives the client back, or destroys it with whatever it is doing; the first call decides. */
  end(destroy: boolean): void;
}

function leaseClient(client: pg.PoolClient): Lease {
  let ended = false;
  // A connection that dies also emits an error on its client, which would end the process without a listener.
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

/** The totals of a COMMIT whose answer got lost; throws `error` when nothing was committed. The lock in `beginRange` waits for a COMMIT still under way. */
async function askLedger(
  pool: pg.Pool,
  {
    range,
    lease,
    readRecorded,
  }: { range: RangeKey; lease: Lease; readRecorded: (client: pg.PoolClient) => Promise<RangeTotals | null> },
  error: unknown,
): Promise<RangeTotals> {
  if (!isDatabaseUnavailable(error)) {
    await rolledBack(lease, null);
    throw error;
  }
  lease.end(true);
  const second = leaseClient(await pool.connect());
  try {
    await beginRange(second.client, range.vehicleId);
    const recorded = await readRecorded(second.client);
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
