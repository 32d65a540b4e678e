import type pg from 'pg';
import { namingDatabaseFailures, sqlState } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { lockServers } from '../../../pool/server-state.ts';
import type { Claim, ClaimInput, FleetActivities } from '../../../workflows/legacy-sync/activities.ts';
import { effectiveWorkers } from './effective-workers.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';
import type { ClaimRound } from './claim-round.ts';
import { claimVehicle, plannedServers } from './claim-vehicle.ts';
import { shareRun } from './run-row.ts';
import { type HeldClaim, claimOf, heldClaim } from './held-claim.ts';
import { settleOutcome } from './settle-outcome.ts';

/** Below the local activity's 5 s: a claim that waits for a lock ends as an error here, not as a time-out that leaves it running. */
const BEGIN = `BEGIN; SET LOCAL lock_timeout = '4s'`;
/** Deadlock, serialization, and the unique indexes that hold "one claim per vehicle and slot": the same claim, looked at again. */
const CONFLICTS = new Set(['40P01', '40001', '23505']);
const TRIES = 4;

/**
 * Settles the slot's last vehicle and claims its next, in one transaction. The same (run, slot, sequence) asked again is the same claim.
 * Locks, always in this order, so that no two claims wait for each other: the run (shared), the slot's own vehicle, the servers by id;
 * vehicles to be claimed are passed over when they are locked. Errors: NoClaim (no such run), DatabaseUnavailable.
 */
export function createClaimNext(deps: FleetDependencies): FleetActivities['claimNext'] {
  return (input) =>
    namingDatabaseFailures(`Claiming for worker slot ${input.slot} of run ${input.runId}`, async () => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await inTransaction(deps.pool, (client) => claim(deps, client, input), BEGIN);
        } catch (error) {
          if (attempt === TRIES || !CONFLICTS.has(sqlState(error) ?? '')) throw error;
        }
      }
    });
}

async function claim(deps: FleetDependencies, client: pg.ClientBase, input: ClaimInput): Promise<Claim> {
  const settings = await deps.settings.read(client);
  const run = await shareRun(client, input.runId);
  const workers = effectiveWorkers(settings, run.maxWorkers);
  const round: ClaimRound = { input, settings, run, workers, random: deps.random ?? Math.random };

  const held = await heldClaim(client, input);
  if (held && held.sequence === input.sequence) return claimOf(held, round);
  const settled = held && isSettledBy(held, input) ? held : null;
  const refusal = refuse(round, settled ? null : held);

  const planned = refusal ? [] : await plannedServers(client, input.runId);
  const servers = await lockServers(client, [...new Set([...planned, ...(settled ? [settled.serverId] : [])])]);
  if (settled) await settleOutcome(client, round, settled, servers);
  return refusal ?? claimVehicle(client, round, servers);
}

/** A claim of this slot that is neither the settled one nor this one is left over from a slot that was terminated. */
function isSettledBy(held: HeldClaim, { settle, sequence }: ClaimInput): boolean {
  return settle !== null && settle.vehicleId === held.vehicleId && held.sequence < sequence;
}

/** Why this slot gets nothing, whatever is planned. */
function refuse({ input, run, workers, settings }: ClaimRound, leftOver: HeldClaim | null): Claim | null {
  if (input.settleOnly || run.state !== 'running') return { kind: 'retire', reason: 'drained', workers };
  if (input.slot > workers) return { kind: 'retire', reason: 'limit', workers };
  const retryInMs = settings.claimPollMs;
  if (leftOver) {
    const reason = `vehicle ${leftOver.vehicleId} of an earlier worker in this slot is not settled yet`;
    return { kind: 'wait', reason, retryInMs, workers };
  }
  return run.paused ? { kind: 'wait', reason: 'paused', retryInMs, workers } : null;
}
