import type { FailureCode } from '../errors.ts';
import type { Queryable } from '../connections/postgres.ts';
import { type ServerOverview, readServerOverviews } from './server-overview.ts';

/** Servers whose circuit is not closed, after failures. `pool/circuit-store.ts` changes circuits, `pool/circuit.ts` says when. */
export async function readOpenCircuits(database: Queryable): Promise<ServerOverview[]> {
  return (await readServerOverviews(database)).filter(({ circuit }) => circuit.state !== 'closed');
}

export interface TroubledCircuit {
  serverId: string;
  state: 'open' | 'half-open' | 'held';
  /** Of the failure that opened the circuit. */
  code: FailureCode;
  /** When the circuit left `closed`, and how long ago that was by PostgreSQL's clock, by which circuits change. */
  since: Date;
  forMs: number;
}

/** The same servers, with how long each has been in trouble. */
export async function readTroubledCircuits(database: Queryable): Promise<TroubledCircuit[]> {
  const { rows } = await database.query<TroubledCircuit>(
    `SELECT server_id AS "serverId", breaker ->> 'state' AS state, coalesce(breaker ->> 'code', breaker ->> 'lastCode') AS code,
            to_timestamp(since / 1000) AS since, extract(epoch FROM clock_timestamp()) * 1000 - since AS "forMs"
       FROM legacy_server_state, LATERAL (SELECT (breaker ->> 'troubledSince')::float8 AS since) AS trouble
      WHERE breaker ->> 'state' <> 'closed' ORDER BY server_id`,
  );
  return rows;
}
