import type pg from 'pg';
import { namingDatabaseFailures } from '../connections/database-errors.ts';
import { type Queryable, inTransaction } from '../connections/postgres.ts';
import { Failure, type FailureCode } from '../errors.ts';
import { recordAct } from '../records/audit-log.ts';
import {
  type Circuit,
  type CircuitLimits,
  CLOSED,
  admit,
  describeCircuit,
  isHopeless,
  recordOutcome,
} from './circuit.ts';
import { lockServers, writeCircuit } from './server-state.ts';

export interface CircuitStoreOptions {
  /** Settings as they are now. */
  limits: () => Promise<CircuitLimits & { leaseMs: number; workerTimeoutMs: number }>;
  random?: () => number;
}

export interface CircuitStore {
  /**
   * Asks whether `key` (a vehicle sync, a plan) may use the server. When it may not: the `reason` for the operator, when to ask again
   * (Infinity: not before an operator closes the circuit), and whether waiting is useless. Errors: DatabaseUnavailable.
   */
  admit(
    serverId: string,
    key: string,
  ): Promise<{ admitted: boolean; retryInMs: number; hopeless: boolean; reason: string }>;
  /** Records how an attempt ended; `code` is null when it succeeded, `tookMs` says how long ago it began. Errors: DatabaseUnavailable. */
  record(serverId: string, outcome: { key: string; code: FailureCode | null; tookMs: number }): Promise<Circuit>;
}

export function createCircuitStore(pool: pg.Pool, { limits, random = Math.random }: CircuitStoreOptions): CircuitStore {
  return {
    async admit(serverId, key) {
      const { leaseMs, workerTimeoutMs } = await limits();
      return change(pool, serverId, (circuit, now) => {
        const { admitted, retryInMs, circuit: next } = admit(circuit, { key, now, probeMs: leaseMs });
        const hopeless = isHopeless(circuit, now, workerTimeoutMs);
        return { next, result: { admitted, retryInMs, hopeless, reason: describeCircuit(serverId, next) } };
      });
    },
    async record(serverId, { key, code, tookMs }) {
      const bounds = await limits();
      return change(pool, serverId, (circuit, now) => {
        const next = recordOutcome(
          circuit,
          { key, code, begunAt: now - tookMs },
          { now, limits: bounds, jitter: random() },
        );
        return { next, result: next };
      });
    },
  };
}

export async function readCircuit(database: Queryable, serverId: string): Promise<Circuit> {
  const { rows } = await database.query<{ circuit: Circuit }>(
    'SELECT breaker AS circuit FROM legacy_server_state WHERE server_id = $1',
    [serverId],
  );
  if (!rows[0]) throw unknownServer(serverId);
  return rows[0].circuit;
}

/** Closes the circuit for an operator who has repaired the cause; nothing else closes a held circuit. Errors: InvalidConfiguration. */
export async function closeCircuit(
  pool: pg.Pool,
  serverId: string,
  by: { actor: string; reason?: string },
): Promise<void> {
  await inTransaction(pool, async (client) => {
    const state = (await lockServers(client, [serverId])).get(serverId);
    if (!state) throw unknownServer(serverId);
    await writeCircuit(client, serverId, { ...CLOSED, changedAt: state.lockedAt });
    await recordAct(client, { ...by, action: 'breaker.closed', subject: serverId, details: { from: state.circuit } });
  });
}

function change<T>(
  pool: pg.Pool,
  serverId: string,
  decide: (circuit: Circuit, now: number) => { next: Circuit; result: T },
): Promise<T> {
  return namingDatabaseFailures(`Asking for the circuit of ${serverId}`, () =>
    inTransaction(pool, async (client) => {
      const state = (await lockServers(client, [serverId])).get(serverId);
      if (!state) throw unknownServer(serverId);
      const { next, result } = decide(state.circuit, state.lockedAt);
      if (next !== state.circuit) await writeCircuit(client, serverId, next);
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
