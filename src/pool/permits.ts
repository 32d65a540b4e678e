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
  /** Gives the place back; a second call does nothing. Never fails: a place that cannot be given back becomes free when its lease ends. */
  release(): Promise<void>;
  /** Another process waits for a place at this server: an idle connection should be closed and its permit released. */
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
  /** Places for comparing what a server has: beside a connection's, so that reconciling never takes all of them. */
  reconciliations: TransferPermits;
  /** Gives every place back, refuses waiting requests and stops renewing. */
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

/** A permit that this process has. */
interface TakenPermit extends PermitRow {
  wanted: () => void;
  lost: () => void;
}

/** Places at legacy servers, counted over all processes and runs: leased rows, taken under the server's row lock. */
export async function openServerPermits(options: ServerPermitsOptions): Promise<ServerPermits> {
  const { pool, leaseMs, onError = () => {} } = options;
  const taken = new Map<string, TakenPermit>();
  const closing = new AbortController();
  const queues = new Map<string, PermitQueue>();
  const queueOf = (serverId: string, kind: PermitKind): PermitQueue => {
    const name = `${kind} ${serverId}`;
    const queue = queues.get(name) ?? createPermitQueue(options.pollMs ?? 1_000);
    queues.set(name, queue);
    return queue;
  };

  // While PostgreSQL was away no process could renew its permits. So a process evicts an expired permit only when it has been connected for
  // a whole lease: by then the permit's holder could have renewed it.
  let connectedSince = Number.POSITIVE_INFINITY;
  const listener = await listen(options.url, {
    channel: PERMITS_CHANNEL,
    onListening: () => (connectedSince = performance.now()),
    onDisconnected: () => (connectedSince = Number.POSITIVE_INFINITY),
    onPayload: (payload) => {
      const [event, kind, serverId] = payload.split(' ') as [string, PermitKind, string];
      if (event === 'freed') queues.get(`${kind} ${serverId}`)?.wake();
      if (event !== 'wanted') return;
      for (const permit of taken.values()) if (permit.kind === kind && permit.serverId === serverId) permit.wanted();
    },
    onError,
  });
  const stopRenewing = keepRenewing({ pool, taken, leaseMs, onError });

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
      // The row may exist all the same: the answer was lost, or the wait was aborted while it was written.
      await deletePermit(pool, { serverId, kind, holder }).catch(onError);
      throw error;
    }
    return enterPermit({ pool, taken, onError }, { serverId, kind, holder });
  };

  return {
    connections: (serverId) => ({ acquire: (signal) => acquire(serverId, 'connection', signal) }),
    transfers: { acquire: (serverId, signal) => acquire(serverId, 'transfer', signal) },
    reconciliations: { acquire: (serverId, signal) => acquire(serverId, 'reconcile', signal) },
    async close() {
      closing.abort(new Error('This process is closing: it takes no more permits.'));
      stopRenewing();
      await listener.close();
      const rows = [...taken.values()];
      taken.clear();
      await Promise.all(rows.map((row) => deletePermit(pool, row).catch(onError)));
    },
  };
}

interface TakenPermits {
  pool: pg.Pool;
  /** By holder. */
  taken: Map<string, TakenPermit>;
  onError: (error: Error) => void;
}

/** Adds the permit to those that are renewed, until it is released. */
function enterPermit({ pool, taken, onError }: TakenPermits, row: PermitRow): ConnectionPermit {
  const callbacks = { wanted: [] as (() => void)[], lost: [] as (() => void)[] };
  taken.set(row.holder, {
    ...row,
    wanted: () => callbacks.wanted.forEach((callback) => callback()),
    lost: () => callbacks.lost.forEach((callback) => callback()),
  });
  return {
    async release() {
      if (taken.delete(row.holder)) await deletePermit(pool, row).catch(onError);
    },
    onWanted: (callback) => void callbacks.wanted.push(callback),
    onLost: (callback) => void callbacks.lost.push(callback),
  };
}

/** Renews this process's permits in one statement every third of the lease, so that two renewals may fail. */
function keepRenewing({ pool, taken, leaseMs, onError }: TakenPermits & { leaseMs: number }): () => void {
  let renewing = false;
  const renew = async (): Promise<void> => {
    if (renewing || taken.size === 0) return;
    renewing = true;
    try {
      const asked = [...taken.keys()];
      const kept = await renewPermits(pool, asked, leaseMs);
      for (const holder of asked.filter((name) => !kept.has(name))) {
        const permit = taken.get(holder);
        taken.delete(holder);
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
