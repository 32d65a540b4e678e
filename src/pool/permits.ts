import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { namingDatabaseFailures } from '../connections/database-errors.ts';
import { listen } from '../connections/listen.ts';
import { inTransaction } from '../connections/postgres.ts';
import {
  type PermitKind,
  type PermitRow,
  PERMITS_CHANNEL,
  deletePermit,
  renewPermits,
  tryTakePermit,
} from './permit-rows.ts';
import { type PermitQueue, createPermitQueue } from './permit-queue.ts';

/** A place at a legacy server for one connection. */
export interface ConnectionPermit {
  /** Gives the place back; a second call does nothing. Never fails: a place that cannot be given back ends with its lease. */
  release(): Promise<void>;
  /** Somebody waits for a place at this server: an idle connection should be closed and its permit released. */
  onWanted(callback: () => void): void;
  /** The lease ran out while this process was stopped, and the place may be another's: the connection must be closed. */
  onLost(callback: () => void): void;
}

export interface ConnectionPermits {
  /** Waits for a place. Errors: DatabaseUnavailable, or the signal's reason. */
  acquire(signal?: AbortSignal): Promise<ConnectionPermit>;
}

export interface TransferPermits {
  acquire(serverId: string, signal?: AbortSignal): Promise<TransferPermit>;
}

export type TransferPermit = Pick<ConnectionPermit, 'release' | 'onLost'>;

export interface ServerPermits {
  connections(serverId: string): ConnectionPermits;
  transfers: TransferPermits;
  /** Gives every place back, turns waiters away and stops renewing. */
  close(): Promise<void>;
}

export interface ServerPermitsOptions {
  pool: pg.Pool;
  /** For LISTEN, on a connection of its own. */
  url: string;
  /** Places at this server, as the settings and the server's own limits are now. */
  limitOf: (serverId: string, kind: PermitKind) => Promise<number>;
  /** Setting worker_pool.permit_lease_ms. */
  leaseMs: number;
  /** How often a waiter asks again when no NOTIFY wakes it. */
  pollMs?: number;
  onError?: (error: Error) => void;
}

interface Held extends PermitRow {
  wanted: () => void;
  lost: () => void;
}

/** Places at legacy servers, counted over all processes and runs: leased rows, taken under the server's row lock. */
export async function openServerPermits(options: ServerPermitsOptions): Promise<ServerPermits> {
  const { pool, leaseMs, onError = () => {} } = options;
  const held = new Map<string, Held>();
  const closing = new AbortController();
  const queues = new Map<string, PermitQueue>();
  const queueOf = (serverId: string, kind: PermitKind): PermitQueue => {
    const name = `${kind} ${serverId}`;
    const queue = queues.get(name) ?? createPermitQueue(options.pollMs ?? 1_000);
    queues.set(name, queue);
    return queue;
  };

  // While PostgreSQL was away nobody could renew, however long its recovery took: only who has been connected for a whole lease may
  // take a place for left, because by then its holder could have renewed it.
  let connectedSince = Number.POSITIVE_INFINITY;
  const listener = await listen(options.url, {
    channel: PERMITS_CHANNEL,
    onListening: () => (connectedSince = performance.now()),
    onDisconnected: () => (connectedSince = Number.POSITIVE_INFINITY),
    onPayload: (payload) => {
      const [event, kind, serverId] = payload.split(' ') as [string, PermitKind, string];
      if (event === 'freed') queues.get(`${kind} ${serverId}`)?.wake();
      if (event !== 'wanted') return;
      for (const permit of held.values()) if (permit.kind === kind && permit.serverId === serverId) permit.wanted();
    },
    onError,
  });
  const stopRenewing = keepRenewing(pool, held, leaseMs, onError);

  const acquire = async (serverId: string, kind: PermitKind, signal?: AbortSignal): Promise<ConnectionPermit> => {
    const holder = randomUUID();
    const doing = `Waiting for a ${kind} permit of ${serverId}`;
    try {
      await queueOf(serverId, kind).wait(
        () =>
          namingDatabaseFailures(doing, async () => {
            const limit = await options.limitOf(serverId, kind);
            const mayEvict = performance.now() - connectedSince >= leaseMs;
            return inTransaction(pool, (client) =>
              tryTakePermit(client, { serverId, kind, holder }, { limit, leaseMs, mayEvict }),
            );
          }),
        signal ? AbortSignal.any([signal, closing.signal]) : closing.signal,
      );
    } catch (error) {
      // The row may be there although the answer was lost, or the waiter gave up while it was written.
      await deletePermit(pool, { serverId, kind, holder }).catch(onError);
      throw error;
    }
    return holdPermit(pool, held, { serverId, kind, holder }, onError);
  };

  return {
    connections: (serverId) => ({ acquire: (signal) => acquire(serverId, 'connection', signal) }),
    transfers: { acquire: (serverId, signal) => acquire(serverId, 'transfer', signal) },
    async close() {
      closing.abort(new Error('This process is closing: it takes no more permits.'));
      stopRenewing();
      await listener.close();
      const rows = [...held.values()];
      held.clear();
      await Promise.all(rows.map((row) => deletePermit(pool, row).catch(onError)));
    },
  };
}

/** Enters the permit among those that are renewed, until it is released. */
function holdPermit(
  pool: pg.Pool,
  held: Map<string, Held>,
  row: PermitRow,
  onError: (error: Error) => void,
): ConnectionPermit {
  const callbacks = { wanted: [] as (() => void)[], lost: [] as (() => void)[] };
  held.set(row.holder, {
    ...row,
    wanted: () => callbacks.wanted.forEach((callback) => callback()),
    lost: () => callbacks.lost.forEach((callback) => callback()),
  });
  return {
    async release() {
      if (held.delete(row.holder)) await deletePermit(pool, row).catch(onError);
    },
    onWanted: (callback) => void callbacks.wanted.push(callback),
    onLost: (callback) => void callbacks.lost.push(callback),
  };
}

/** Renews this process's permits, all in one statement, every third of the lease: two failed renewals lose nothing. */
function keepRenewing(
  pool: pg.Pool,
  held: Map<string, Held>,
  leaseMs: number,
  onError: (error: Error) => void,
): () => void {
  let renewing = false;
  const renew = async (): Promise<void> => {
    if (renewing || held.size === 0) return;
    renewing = true;
    try {
      const asked = [...held.keys()];
      const kept = await renewPermits(pool, asked, leaseMs);
      for (const holder of asked.filter((name) => !kept.has(name))) {
        const permit = held.get(holder);
        held.delete(holder);
        permit?.lost();
      }
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)));
    } finally {
      renewing = false;
    }
  };
  const timer = setInterval(() => void renew(), leaseMs / 3);
  timer.unref();
  return () => clearInterval(timer);
}
