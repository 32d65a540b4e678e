import type pg from 'pg';
import { namingDatabaseFailures } from '../connections/database-errors.ts';
import { type Queryable, inTransaction } from '../connections/postgres.ts';
import { Failure, type FailureCode } from '../errors.ts';
import {
  type Breaker,
  type BreakerLimits,
  CLOSED,
  admit,
  describeBreaker,
  isHopeless,
  recordOutcome,
} from './breaker.ts';
import { lockServers, writeBreaker } from './server-state.ts';

export interface BreakerStoreOptions {
  /** Settings as they are now. */
  limits: () => Promise<BreakerLimits & { leaseMs: number; workerTimeoutMs: number }>;
  random?: () => number;
}

export interface BreakerStore {
  /**
   * Asks whether `key` (a vehicle sync, a plan) may use the server. Not admitted: `reason` for the operator, when to ask again (Infinity:
   * not before somebody closes the circuit), and whether that is longer than waiting makes sense. Errors: DatabaseUnavailable.
   */
  admit(
    serverId: string,
    key: string,
  ): Promise<{ admitted: boolean; retryInMs: number; hopeless: boolean; reason: string }>;
  /** Tells how an attempt ended; `code` null means it worked, `tookMs` how long ago it began. Errors: DatabaseUnavailable. */
  record(serverId: string, outcome: { key: string; code: FailureCode | null; tookMs: number }): Promise<Breaker>;
}

export function openBreakerStore(pool: pg.Pool, { limits, random = Math.random }: BreakerStoreOptions): BreakerStore {
  return {
    async admit(serverId, key) {
      const { leaseMs, workerTimeoutMs } = await limits();
      return change(pool, serverId, (breaker, now) => {
        const { admitted, retryInMs, breaker: next } = admit(breaker, key, now, leaseMs);
        const hopeless = isHopeless(breaker, now, workerTimeoutMs);
        return { next, result: { admitted, retryInMs, hopeless, reason: describeBreaker(serverId, next) } };
      });
    },
    async record(serverId, { key, code, tookMs }) {
      const bounds = await limits();
      return change(pool, serverId, (breaker, now) => {
        const next = recordOutcome(breaker, { key, code, begunAt: now - tookMs }, now, bounds, random());
        return { next, result: next };
      });
    },
  };
}

export async function readBreaker(database: Queryable, serverId: string): Promise<Breaker> {
  const { rows } = await database.query<{ breaker: Breaker }>(
    'SELECT breaker FROM legacy_server_state WHERE server_id = $1',
    [serverId],
  );
  if (!rows[0]) throw unknownServer(serverId);
  return rows[0].breaker;
}

/** What an operator does after the cause is repaired; the only way out of a held circuit. Errors: InvalidConfiguration. */
export async function closeBreaker(
  pool: pg.Pool,
  serverId: string,
  by: { actor: string; reason?: string },
): Promise<void> {
  await inTransaction(pool, async (client) => {
    const state = (await lockServers(client, [serverId])).get(serverId);
    if (!state) throw unknownServer(serverId);
    await writeBreaker(client, serverId, { ...CLOSED, changedAt: state.lockedAt });
    await client.query(
      `INSERT INTO audit_log (actor, action, subject, reason, details) VALUES ($1, 'breaker.closed', $2, $3, $4)`,
      [by.actor, serverId, by.reason ?? null, { from: state.breaker }],
    );
  });
}

function change<T>(
  pool: pg.Pool,
  serverId: string,
  decide: (breaker: Breaker, now: number) => { next: Breaker; result: T },
): Promise<T> {
  return namingDatabaseFailures(`Asking for the circuit of ${serverId}`, () =>
    inTransaction(pool, async (client) => {
      const state = (await lockServers(client, [serverId])).get(serverId);
      if (!state) throw unknownServer(serverId);
      const { next, result } = decide(state.breaker, state.lockedAt);
      if (next !== state.breaker) await writeBreaker(client, serverId, next);
      return result;
    }),
  );
}

function unknownServer(serverId: string): Failure {
  return new Failure(
    'InvalidConfiguration',
    `There is no legacy server ${serverId}. \`fleetgraph servers list\` shows those there are, \`servers put\` adds one.`,
  );
}
