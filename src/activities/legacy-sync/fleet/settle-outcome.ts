import type pg from 'pg';
import { type FailureCode, isFailureCode } from '../../../errors.ts';
import { recordOutcome } from '../../../pool/circuit.ts';
import { noteEnded } from '../../../pool/limit-store.ts';
import { shortenRanges } from '../../../records/synced-vehicles.ts';
import { type CurrentSlice, putBackSlice, settleSlice } from '../../../records/table-reads.ts';
import { sliceClaims } from '../../../records/slice-claims.ts';
import { putBack, runHolding, settleVehicle, vehicleClaims } from '../../../records/vehicle-claims.ts';
import { type ServerState, writeCircuit } from '../../../pool/server-state.ts';
import type { SliceOutcome, VehicleOutcome } from '../../../workflows/legacy-sync/activities.ts';
import { probeKey } from '../../../pool/probe-key.ts';
import type { ClaimRequest } from './claim-request.ts';
import type { CurrentClaim, CurrentVehicle } from './current-claim.ts';

type Outcome = VehicleOutcome | SliceOutcome;

/**
 * Settles the slot's current claim by its outcome, and tells the server's circuit. The caller holds both locks. Returns how many vehicles came
 * back to the run, because their table could not be read for them.
 */
export async function settleOutcome(
  client: pg.ClientBase,
  request: ClaimRequest,
  current: CurrentClaim,
  servers: Map<string, ServerState>,
): Promise<number> {
  const outcome = request.input.settle;
  if (!outcome) return 0;
  const back =
    current.kind === 'slice' ? await endSlice(client, request, current) : await endVehicle(client, request, current);
  const server = servers.get(current.serverId);
  if (!server) return back;
  const key = probeKey(request.run.runId, current.kind === 'slice' ? current.sliceId : current.vehicleId);
  const attempt = { key, code: codeOf(outcome), begunAt: current.claimedAt };
  const circuit = recordOutcome(server.circuit, attempt, {
    now: server.lockedAt,
    limits: request.settings,
    jitter: request.random(),
  });
  if (circuit !== server.circuit) {
    await writeCircuit(client, current.serverId, circuit);
    server.circuit = circuit;
  }
  await adaptLimit(client, request, current, { ...attempt, now: server.lockedAt });
  return back;
}

async function adaptLimit(
  client: pg.ClientBase,
  { run, settings }: ClaimRequest,
  { serverId, ...current }: CurrentClaim,
  { key, code, begunAt, now }: { key: string; code: FailureCode | null; begunAt: number; now: number },
): Promise<void> {
  if (!settings.adaptiveEnabled) return;
  const claims = current.kind === 'slice' ? sliceClaims : vehicleClaims;
  const vehicleId = current.kind === 'slice' ? current.sliceId : current.vehicleId;
  const { rows, workedMs } = await claims.readWorkDone(client, { runId: run.runId, vehicleId });
  const ended = { code, rows, ms: workedMs, begunAt };
  await noteEnded(client, { serverId, runId: run.runId, key }, ended, { now, settings });
}

async function endVehicle(client: pg.ClientBase, request: ClaimRequest, current: CurrentVehicle): Promise<number> {
  const outcome = request.input.settle!;
  const key = { runId: request.run.runId, vehicleId: current.vehicleId };
  if (outcome.result === 'completed') await settleVehicle(client, key, { status: 'completed' });
  else if (outcome.result === 'already-running') await defer(client, request, current);
  else await settleVehicle(client, key, failureOf(outcome, `vehicle ${current.vehicleId}`));
  if (codeOf(outcome) === 'VehicleTimeout') await shortenRanges(client, key, request.settings.rangeRows);
  return 0;
}

/** A slice of this run that still runs is one whose slot was terminated: it is asked for again when it has ended. */
async function endSlice(client: pg.ClientBase, request: ClaimRequest, current: CurrentSlice): Promise<number> {
  const outcome = request.input.settle!;
  const { run, settings } = request;
  const key = { runId: run.runId, sliceId: current.sliceId, readId: current.readId };
  if (outcome.result === 'already-running') {
    await putBackSlice(client, key, { reason: 'still ending', afterMs: settings.claimPollMs });
    return 0;
  }
  return settleSlice(
    client,
    key,
    outcome.result === 'completed' ? { status: 'completed' } : failureOf(outcome, current.sliceId),
  );
}

/** Puts off a vehicle that runs elsewhere. The wait doubles each time, up to the longest retry wait. */
async function defer(client: pg.ClientBase, { run, settings }: ClaimRequest, current: CurrentVehicle): Promise<void> {
  const where = (await runHolding(client, current.vehicleId, run.runId)) ?? 'a sync outside every run';
  const afterMs = Math.max(
    settings.claimPollMs,
    Math.min(settings.claimPollMs * 2 ** current.deferrals, settings.retryMaxMs),
  );
  await putBack(
    client,
    { runId: run.runId, vehicleId: current.vehicleId },
    { reason: `already running in ${where}`, afterMs },
  );
}

function failureOf({ failure }: Outcome, what: string): { status: 'failed'; code: FailureCode; message: string } {
  const message = failure?.message ?? `Syncing ${what} failed without saying why.`;
  return { status: 'failed', code: failureCode(failure?.code), message };
}

/** A code from a workflow is text: one that fleetgraph does not know is `Unexpected`. */
function failureCode(code: string | undefined): FailureCode {
  return isFailureCode(code) ? code : 'Unexpected';
}

function codeOf({ result, failure }: Outcome): FailureCode | null {
  if (result === 'completed') return null;
  return result === 'already-running' ? 'AlreadyRunning' : failureCode(failure?.code);
}
