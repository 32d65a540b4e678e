import type pg from 'pg';
import { namingDatabaseFailures, sqlState } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { openAllWhenLate, slotsAtStart } from '../../../records/forecasts.ts';
import { usefulSlots } from '../../../records/open-work.ts';
import { type RunRow, shareRun } from '../../../records/sync-runs.ts';
import { plannedServers } from '../../../records/vehicle-syncs.ts';
import { countStuckSlots } from '../../../pool/limit-store.ts';
import { lockServers } from '../../../pool/server-state.ts';
import type { Claim, ClaimInput, FleetActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { effectiveWorkers } from '../../../settings/effective-workers.ts';
import { MOST_SLOTS } from '../../../settings/legacy-sync/worker-pool.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';
import type { ClaimRequest } from './claim-request.ts';
import { claimVehicle } from './claim-vehicle.ts';
import { type CurrentClaim, claimOf, claimOfSlice, currentClaim } from './current-claim.ts';
import { settleOutcome } from './settle-outcome.ts';

/**
 * Below the local activity's 5 s: a claim that waits for a lock ends as an error here, not as a time-out that leaves it running. A worker that
 * stands still in a claim holds a server's lock, for which all other claims wait, no longer than that.
 */
const BEGIN = `BEGIN; SET LOCAL lock_timeout = '4s'; SET LOCAL idle_in_transaction_session_timeout = '5s'`;
/** Deadlock, serialization failure, and the unique indexes that allow one claim per vehicle and slot: the claim is tried again. */
const CONFLICTS = new Set(['40P01', '40001', '23505']);
const TRIES = 4;

/**
 * Settles the slot's last vehicle and claims its next, in one transaction. Two requests with one (run, slot, sequence) are one claim.
 * It locks the run (shared), the slot's own vehicle and the servers by id, always in this order, so that no two claims wait for each other.
 * It skips planned vehicles that are locked. Errors: NoClaim (no such run), DatabaseUnavailable.
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
  const workers = await wantedSlots(client, settings, run);
  const request: ClaimRequest = { input, settings, run, workers, random: deps.random ?? Math.random };

  const current = await currentClaim(client, input);
  if (current && current.sequence === input.sequence) {
    return current.kind === 'slice' ? claimOfSlice(current, request) : claimOf(current, request);
  }
  const late = settings.slotsByForecast && (await openAllWhenLate(client, input.runId));
  const settled = current && isSettledBy(current, input) ? current : null;
  const refusal = refuse(request, settled ? null : current);

  const planned = refusal ? [] : await plannedServers(client, input.runId);
  const servers = await lockServers(client, [...new Set([...planned, ...(settled ? [settled.serverId] : [])])]);
  const back = settled ? await settleOutcome(client, request, settled, servers) : 0;
  const next = refusal ?? (await claimVehicle(client, request, servers));
  const known = input.knownWorkers ?? workers;
  const reopen = back > 0 || late;
  if (!reopen && known === workers) return next;
  const begunWith = settings.slotsByForecast && !reopen ? await slotsAtStart(client, input.runId) : null;
  // The slots that replace those which a server in trouble keeps come on top.
  const more = workers - effectiveWorkers(settings, run.maxWorkers);
  const slots = await usefulSlots(client, input.runId, begunWith === null ? workers : begunWith + more);
  return { ...next, ...(reopen && { reopen }), slots };
}

/** A slot that a server in trouble keeps is replaced while it is kept, so that vehicles of other servers do not wait for that server. */
async function wantedSlots(client: pg.ClientBase, settings: LegacySyncSettings, run: RunRow): Promise<number> {
  const workers = effectiveWorkers(settings, run.maxWorkers);
  if (!settings.adaptiveEnabled || !settings.poolEnabled) return workers;
  return Math.min(MOST_SLOTS, workers + (await countStuckSlots(client, run.runId)));
}

/** Whether the request settles the slot's current claim. Another claim is left over from a slot that was terminated. */
function isSettledBy(current: CurrentClaim, { settle, sequence }: ClaimInput): boolean {
  if (settle === null || current.sequence >= sequence) return false;
  if ('sliceId' in settle) return current.kind === 'slice' && settle.sliceId === current.sliceId;
  return current.kind === 'vehicle' && settle.vehicleId === current.vehicleId;
}

/** The answer to a slot that may claim nothing, whatever is planned; null when it may. */
function refuse({ input, run, workers, settings }: ClaimRequest, leftOver: CurrentClaim | null): Claim | null {
  if (input.settleOnly || run.state !== 'running') return { kind: 'retire', reason: 'drained', workers };
  if (input.slot > workers) return { kind: 'retire', reason: 'limit', workers };
  const retryInMs = settings.claimPollMs;
  if (leftOver) {
    const current = leftOver.kind === 'slice' ? leftOver.sliceId : `vehicle ${leftOver.vehicleId}`;
    const reason = `${current} of an earlier worker in this slot is not settled yet`;
    return { kind: 'wait', reason, retryInMs, workers };
  }
  return run.paused ? { kind: 'wait', reason: 'paused', retryInMs, workers } : null;
}
