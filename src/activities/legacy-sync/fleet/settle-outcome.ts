import type pg from 'pg';
import type { FailureCode } from '../../../errors.ts';
import { recordOutcome } from '../../../pool/breaker.ts';
import { type ServerState, writeBreaker } from '../../../pool/server-state.ts';
import type { VehicleOutcome } from '../../../workflows/legacy-sync/activities.ts';
import { type ClaimRound, probeKey } from './claim-round.ts';
import type { HeldClaim } from './held-claim.ts';
import { failureCode, putBack, settleVehicle } from './settle-vehicle.ts';

/** Settles what the slot held as its outcome says, and tells the server's breaker. The caller holds both locks. */
export async function settleOutcome(
  client: pg.ClientBase,
  round: ClaimRound,
  held: HeldClaim,
  servers: Map<string, ServerState>,
): Promise<void> {
  const outcome = round.input.settle;
  if (!outcome) return;
  const key = { runId: round.run.runId, vehicleId: held.vehicleId };
  if (outcome.result === 'completed') await settleVehicle(client, key, { status: 'completed' });
  else if (outcome.result === 'already-running') await defer(client, round, held);
  else await settleVehicle(client, key, failureOf(outcome));

  const server = servers.get(held.serverId);
  if (!server) return;
  const code = codeOf(outcome);
  const attempt = { key: probeKey(key.runId, key.vehicleId), code, begunAt: held.claimedAt };
  const breaker = recordOutcome(server.breaker, attempt, server.lockedAt, round.settings, round.random());
  if (breaker === server.breaker) return;
  await writeBreaker(client, held.serverId, breaker);
  server.breaker = breaker;
}

/** Each time the vehicle turns out to be running elsewhere the next look is twice as far away, up to the longest retry wait. */
async function defer(client: pg.ClientBase, { run, settings }: ClaimRound, held: HeldClaim): Promise<void> {
  const { rows } = await client.query<{ runId: string }>(
    `SELECT run_id AS "runId" FROM vehicle_syncs WHERE vehicle_id = $1 AND run_id <> $2 AND state = 'claimed'`,
    [held.vehicleId, run.runId],
  );
  const where = rows[0] ? rows[0].runId : 'a sync outside every run';
  const afterMs = Math.max(
    settings.claimPollMs,
    Math.min(settings.claimPollMs * 2 ** held.deferrals, settings.retryMaxMs),
  );
  await putBack(
    client,
    { runId: run.runId, vehicleId: held.vehicleId },
    { reason: `already running in ${where}`, afterMs },
  );
}

function failureOf({ vehicleId, failure }: VehicleOutcome): { status: 'failed'; code: FailureCode; message: string } {
  const message = failure?.message ?? `Syncing vehicle ${vehicleId} failed without saying why.`;
  return { status: 'failed', code: failureCode(failure?.code), message };
}

function codeOf({ result, failure }: VehicleOutcome): FailureCode | null {
  if (result === 'completed') return null;
  return result === 'already-running' ? 'AlreadyRunning' : failureCode(failure?.code);
}
