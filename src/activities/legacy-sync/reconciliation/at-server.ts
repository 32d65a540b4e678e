import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../../errors.ts';
import { describeCircuit } from '../../../pool/circuit.ts';
import { readCircuit } from '../../../pool/circuit-store.ts';
import { readLegacyServer } from '../../../records/legacy-servers.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import type { LegacyHost } from '../legacy-host/legacy-host.ts';
import type { Statement } from '../legacy-host/plan-statements.ts';
import { type SlotBuffers, slotBuffers } from '../../../settings/slot-buffers.ts';
import type { WorkPace } from '../load/work-pace.ts';
import type { ReconciliationDependencies } from './reconciliation-dependencies.ts';

/** A legacy server while one of its places for reconciling is ours. */
export interface ReconciledServer {
  server: LegacyServer;
  host: LegacyHost;
  signal: AbortSignal;
  /** Slows this process's part of the work. */
  pace: WorkPace;
  buffers: SlotBuffers;
  /** Runs statements that read so many rows, and then leaves the server alone for as long as its limit wants. */
  ask(statements: Statement[], rows: number): Promise<string[][]>;
}

/**
 * Works at a server, in a place of its own. Errors: CircuitOpen while syncs leave the server alone, SshConnectionLost when the place was taken
 * away, and those of `work`.
 */
export async function atServer<T>(
  deps: ReconciliationDependencies,
  serverId: string,
  work: (at: ReconciledServer) => Promise<T>,
): Promise<T> {
  const server = await readLegacyServer(deps.pool, serverId);
  const circuit = await readCircuit(deps.pool, serverId);
  if (circuit.state !== 'closed')
    throw new Failure('CircuitOpen', `Reconciling: ${describeCircuit(serverId, circuit)}.`);
  const place = await deps.places.acquire(serverId, deps.cancellationSignal());
  const lost = new AbortController();
  place.onLost(() => lost.abort(lostPlace(serverId)));
  const signal = AbortSignal.any([deps.cancellationSignal(), lost.signal]);
  const host = deps.legacyHosts.of(server);
  try {
    return await work({
      server,
      host,
      signal,
      pace: deps.pace,
      buffers: slotBuffers(deps.settings()),
      ask: async (statements, rows) => {
        const { niceness, reconcileRowsPerSecond } = deps.settings();
        const began = performance.now();
        const answer = await host.ask(server.database, statements, signal, niceness);
        await deps.pace(signal, bytesOf(answer));
        const pauseMs = (rows / reconcileRowsPerSecond) * 1_000 - (performance.now() - began);
        if (pauseMs > 0) await sleep(pauseMs, undefined, { signal });
        return answer;
      },
    });
  } finally {
    await place.release();
  }
}

const bytesOf = (answer: readonly string[][]): number =>
  answer.reduce((sum, row) => row.reduce((length, value) => length + value.length, sum), 0);

const lostPlace = (serverId: string): Failure =>
  new Failure(
    'SshConnectionLost',
    `Reconciling at ${serverId}: its place was lost while this process stood still. It goes on with the next attempt.`,
  );
