import type pg from 'pg';
import { type Admission, admit, describeCircuit, isHopeless } from '../../../pool/circuit.ts';
import { noteBegun, readAdaptiveLimits } from '../../../pool/limit-store.ts';
import { nextVehicleOrder } from '../../../pool/vehicle-order.ts';
import { type CurrentSlice, dropServerSlices, takeSlice } from '../../../records/table-reads.ts';
import { settleVehicle } from '../../../records/vehicle-claims.ts';
import { placesKeptAt, requestPlaces } from '../../../records/place-requests.ts';
import { lastLimitReason } from '../../../records/limit-changes.ts';
import { isQuiet } from '../../../settings/quiet-hours.ts';
import { fixedLimit } from '../../../settings/fixed-limit.ts';
import { inFlightAt } from '../../../records/work-claims.ts';
import { type ServerState, writeCircuit } from '../../../pool/server-state.ts';
import type { Claim } from '../../../workflows/legacy-sync/activities.ts';
import { probeKey } from '../../../pool/probe-key.ts';
import type { ClaimRequest } from './claim-request.ts';
import { type CurrentVehicle, claimOf, claimOfSlice } from './current-claim.ts';
import { type Obstacle, waitFor } from './wait-reasons.ts';

/** Claims the run's next vehicle at a server that has a free place and a closed circuit, or says why none can start now. */
export async function claimVehicle(
  client: pg.ClientBase,
  request: ClaimRequest,
  servers: Map<string, ServerState>,
): Promise<Claim> {
  const { settings, workers, run } = request;
  await giveUpHopeless(client, request, servers);
  const byServer = await freePlaces(client, request, [...servers.keys()]);
  if (byServer.size === 0) return { kind: 'retire', reason: 'drained', workers };

  const open: string[] = [];
  const full: string[] = [];
  const obstacles: Obstacle[] = [];
  for (const [serverId, places] of byServer) {
    const server = servers.get(serverId);
    // A server whose plan was written after the locks were taken is left to the next claim.
    if (!server) continue;
    const admission = admit(server.circuit, { key: '', now: server.lockedAt, probeMs: settings.leaseMs });
    if (!admission.admitted) obstacles.push(circuitObstacle(server, admission));
    else if (places.quiet && run.mode === 'full')
      obstacles.push({ reason: `quiet hours at ${serverId}, no full sync` });
    else if (places.claimed + places.kept >= places.limit) full.push(serverId);
    else open.push(serverId);
  }
  const slice = await claimSlice(client, request, open);
  if (slice) {
    await admitToServer(client, request, servers.get(slice.serverId), slice.sliceId);
    return claimOfSlice(slice, request);
  }
  const next = await takeNext(client, request, open);
  if (!next) {
    if (full.length > 0) await requestPlaces(client, { runId: run.runId, slot: request.input.slot, serverIds: full });
    const waits = full.map((serverId) => ({ reason: noFreePlace(serverId, byServer.get(serverId)!) }));
    return waitFor(client, request, [...obstacles, ...waits]);
  }
  await admitToServer(client, request, servers.get(next.serverId), next.vehicleId);
  return claimOf(next, request);
}

/** Fails the planned vehicles of a server whose circuit only an operator can close, or whose circuit stays open for longer than a vehicle may take. */
async function giveUpHopeless(
  client: pg.ClientBase,
  { run, settings }: ClaimRequest,
  servers: Map<string, ServerState>,
): Promise<void> {
  for (const { serverId, circuit, lockedAt } of servers.values()) {
    if (!isHopeless(circuit, lockedAt, settings.workerTimeoutMs)) continue;
    const { rows } = await client.query<{ vehicleId: string }>(
      `SELECT vehicle_id AS "vehicleId" FROM vehicle_syncs
       WHERE run_id = $1 AND server_id = $2 AND state = 'planned' FOR UPDATE SKIP LOCKED`,
      [run.runId, serverId],
    );
    const message = `Not started: ${describeCircuit(serverId, circuit)}.`;
    for (const { vehicleId } of rows) {
      await settleVehicle(client, { runId: run.runId, vehicleId }, { status: 'failed', code: 'CircuitOpen', message });
    }
    await dropServerSlices(client, { runId: run.runId, serverId }, { code: 'CircuitOpen', message });
  }
}

/** A waiting slot asks at each poll; one that is gone keeps a place for no longer than this. */
const FORGOTTEN_AFTER_POLLS = 5;

interface Places {
  claimed: number;
  /** Kept for vehicles that an operator has asked for. */
  kept: number;
  limit: number;
  /** The limit where it does not adapt. */
  most: number;
  quiet: boolean;
  /** Why the limit is what it is; null where it does not adapt, or did not yet. */
  reason: string | null;
}

function noFreePlace(serverId: string, { claimed, kept, limit, most, quiet, reason }: Places): string {
  if (claimed < limit)
    return `no free place at ${serverId}: ${claimed} of ${limit}, and ${kept} kept for vehicles asked for by hand`;
  const why = reason === null ? '' : ` (${reason})`;
  const adapts = limit < most ? `, which adapts up to ${most}${why}` : '';
  return `no free place at ${serverId}: ${claimed} of ${limit}${quiet ? ' in its quiet hours' : adapts}`;
}

/** For each server with planned vehicles of this run: its places, and how many of them claims of all runs take, expired claims included. */
async function freePlaces(
  client: pg.ClientBase,
  { run, settings }: ClaimRequest,
  serverIds: string[],
): Promise<Map<string, Places>> {
  const { rows } = await client.query<{
    id: string;
    limits: Record<string, unknown>;
    timeZone: string;
    now: Date;
    claimed: number;
    kept: number;
    reason: string | null;
  }>(
    `SELECT id, limits, time_zone AS "timeZone", clock_timestamp() AS now, ${inFlightAt('id')} AS claimed, ${lastLimitReason('legacy_servers.id')} AS reason,
            ${placesKeptAt('id', '$1', '$3::float8')} AS kept
     FROM legacy_servers
     WHERE id = ANY($2) AND (EXISTS (SELECT FROM vehicle_syncs WHERE run_id = $1 AND server_id = id AND state = 'planned' AND read_id IS NULL)
                          OR EXISTS (SELECT FROM table_slices WHERE run_id = $1 AND server_id = id AND state = 'planned'))
     ORDER BY id`,
    [run.runId, serverIds, settings.claimPollMs * FORGOTTEN_AFTER_POLLS],
  );
  const adaptive = settings.adaptiveEnabled ? await readAdaptiveLimits(client, serverIds) : null;
  return new Map(
    rows.map(({ id, limits, claimed, kept, timeZone, now, reason }) => {
      const most = fixedLimit(limits, settings);
      const quietHours = typeof limits.quietHours === 'string' ? limits.quietHours : settings.quietHours;
      const quiet = isQuiet(quietHours, timeZone, now);
      const limit = quiet ? 1 : Math.min(most, adaptive?.get(id)?.limit.limit ?? most);
      return [id, { claimed, kept, limit, most, quiet, reason: adaptive && reason }];
    }),
  );
}

/** Claims the next vehicle. In delta mode its cursor starts at the present watermark, because another run may have synced it since planning. */
async function takeNext(
  client: pg.ClientBase,
  { input, settings, run }: ClaimRequest,
  serverIds: string[],
): Promise<(Pick<CurrentVehicle, 'vehicleId' | 'label' | 'plannedRows'> & { serverId: string }) | null> {
  if (serverIds.length === 0) return null;
  const { rows } = await client.query<{ vehicleId: string; label: string; plannedRows: number; serverId: string }>(
    `WITH next AS (
       SELECT sync.vehicle_id, vehicle.label, vehicle.watermark
       FROM vehicle_syncs AS sync JOIN vehicles AS vehicle ON vehicle.id = sync.vehicle_id
       WHERE sync.run_id = $1 AND sync.state = 'planned' AND sync.read_id IS NULL AND sync.server_id = ANY($2) AND sync.not_before <= clock_timestamp()
         AND NOT EXISTS (SELECT FROM vehicle_syncs AS other WHERE other.vehicle_id = sync.vehicle_id AND other.state = 'claimed')
       ORDER BY ${nextVehicleOrder('$3::numeric')}
       LIMIT 1 FOR UPDATE OF sync SKIP LOCKED)
     UPDATE vehicle_syncs AS sync
     SET state = 'claimed', status = 'idle', slot = $4, sequence = $5, claimed_at = clock_timestamp(), work_failures = 0,
         lease_until = clock_timestamp() + $6 * interval '1 millisecond', failure_message = NULL,
         cursor_id = CASE WHEN sync.mode = 'delta' THEN greatest(sync.cursor_id, next.watermark) ELSE sync.cursor_id END
     FROM next WHERE sync.run_id = $1 AND sync.vehicle_id = next.vehicle_id
     RETURNING sync.vehicle_id AS "vehicleId", next.label, sync.planned_rows::float8 AS "plannedRows", sync.server_id AS "serverId"`,
    [run.runId, serverIds, settings.ageingMs, input.slot, input.sequence, settings.leaseMs],
  );
  return rows[0] ?? null;
}

/** A slot of an earlier version would not know what to do with one. */
async function claimSlice(
  client: pg.ClientBase,
  { input, settings, run }: ClaimRequest,
  serverIds: string[],
): Promise<CurrentSlice | null> {
  if (input.slices !== true || serverIds.length === 0) return null;
  const { slot, sequence } = input;
  return takeSlice(client, { runId: run.runId, slot, sequence, serverIds, leaseMs: settings.leaseMs });
}

async function admitToServer(
  client: pg.ClientBase,
  { run, settings }: ClaimRequest,
  server: ServerState | undefined,
  vehicleId: string,
): Promise<void> {
  if (!server) return;
  const { circuit } = admit(server.circuit, {
    key: probeKey(run.runId, vehicleId),
    now: server.lockedAt,
    probeMs: settings.leaseMs,
  });
  if (circuit !== server.circuit) await writeCircuit(client, server.serverId, circuit);
  if (!settings.adaptiveEnabled) return;
  const work = { serverId: server.serverId, runId: run.runId, key: probeKey(run.runId, vehicleId) };
  await noteBegun(client, work, server.lockedAt);
}

function circuitObstacle({ serverId, circuit }: ServerState, { retryInMs }: Admission): Obstacle {
  return { reason: describeCircuit(serverId, circuit), retryInMs };
}
