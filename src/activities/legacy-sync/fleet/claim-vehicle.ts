import type pg from 'pg';
import { type Admission, admit, describeBreaker, isHopeless } from '../../../pool/breaker.ts';
import { nextVehicleOrder } from '../../../pool/order.ts';
import { type ServerState, writeBreaker } from '../../../pool/server-state.ts';
import type { Claim } from '../../../workflows/legacy-sync/activities.ts';
import { type ClaimRound, probeKey } from './claim-round.ts';
import { type HeldClaim, claimOf } from './held-claim.ts';
import { settleVehicle } from './settle-vehicle.ts';
import { type Obstacle, waitFor } from './wait-reasons.ts';

/** Servers of the run's planned vehicles. */
export async function plannedServers(client: pg.ClientBase, runId: string): Promise<string[]> {
  const { rows } = await client.query<{ serverId: string }>(
    `SELECT DISTINCT server_id AS "serverId" FROM vehicle_syncs WHERE run_id = $1 AND state = 'planned'`,
    [runId],
  );
  return rows.map(({ serverId }) => serverId);
}

/** Claims the run's next vehicle at a server that has a free place and a closed circuit, or says why none can start now. */
export async function claimVehicle(
  client: pg.ClientBase,
  round: ClaimRound,
  servers: Map<string, ServerState>,
): Promise<Claim> {
  const { settings, workers } = round;
  await giveUpHopeless(client, round, servers);
  const places = await freePlaces(client, round, [...servers.keys()]);
  if (places.size === 0) return { kind: 'retire', reason: 'drained', workers };

  const open: string[] = [];
  const obstacles: Obstacle[] = [];
  for (const [serverId, { claimed, limit }] of places) {
    const server = servers.get(serverId);
    // Planned after the servers were locked: the next claim sees it.
    if (!server) continue;
    const admission = admit(server.breaker, '', server.lockedAt, settings.leaseMs);
    if (!admission.admitted) obstacles.push(circuit(server, admission));
    else if (claimed >= limit) obstacles.push({ reason: `no free place at ${serverId}: ${claimed} of ${limit}` });
    else open.push(serverId);
  }
  const next = await takeNext(client, round, open);
  if (!next) return waitFor(client, round, obstacles);
  await admitToServer(client, round, servers.get(next.serverId), next.vehicleId);
  return claimOf(next, round);
}

/** Vehicles behind a circuit that only a human can close, or that is open for longer than work on a vehicle may take, fail now. */
async function giveUpHopeless(
  client: pg.ClientBase,
  { run, settings }: ClaimRound,
  servers: Map<string, ServerState>,
): Promise<void> {
  for (const { serverId, breaker, lockedAt } of servers.values()) {
    if (!isHopeless(breaker, lockedAt, settings.workerTimeoutMs)) continue;
    const { rows } = await client.query<{ vehicleId: string }>(
      `SELECT vehicle_id AS "vehicleId" FROM vehicle_syncs
       WHERE run_id = $1 AND server_id = $2 AND state = 'planned' FOR UPDATE SKIP LOCKED`,
      [run.runId, serverId],
    );
    const message = `Not started: ${describeBreaker(serverId, breaker)}.`;
    for (const { vehicleId } of rows) {
      await settleVehicle(client, { runId: run.runId, vehicleId }, { status: 'failed', code: 'CircuitOpen', message });
    }
  }
}

/** For each server that has planned vehicles of this run: places taken, by whatever run and however old, and places there are. */
async function freePlaces(
  client: pg.ClientBase,
  { run, settings }: ClaimRound,
  serverIds: string[],
): Promise<Map<string, { claimed: number; limit: number }>> {
  const { rows } = await client.query<{ id: string; limits: Record<string, unknown>; claimed: number }>(
    `SELECT id, limits, (SELECT count(*)::integer FROM vehicle_syncs WHERE server_id = id AND state = 'claimed') AS claimed
     FROM legacy_servers
     WHERE id = ANY($2) AND EXISTS (SELECT FROM vehicle_syncs WHERE run_id = $1 AND server_id = id AND state = 'planned')
     ORDER BY id`,
    [run.runId, serverIds],
  );
  return new Map(
    rows.map(({ id, limits, claimed }) => {
      const own = limits.maxConcurrentVehicles;
      const limit = typeof own === 'number' && own > 0 ? own : settings.maxConcurrentVehicles;
      return [id, { claimed, limit }];
    }),
  );
}

/** In delta mode the cursor starts where the vehicle is now: another run may have synced it since this one was planned. */
async function takeNext(
  client: pg.ClientBase,
  { input, settings, run }: ClaimRound,
  serverIds: string[],
): Promise<(Pick<HeldClaim, 'vehicleId' | 'label' | 'plannedRows'> & { serverId: string }) | null> {
  if (serverIds.length === 0) return null;
  const { rows } = await client.query<{ vehicleId: string; label: string; plannedRows: number; serverId: string }>(
    `WITH next AS (
       SELECT sync.vehicle_id, vehicle.label, vehicle.watermark
       FROM vehicle_syncs AS sync JOIN vehicles AS vehicle ON vehicle.id = sync.vehicle_id
       WHERE sync.run_id = $1 AND sync.state = 'planned' AND sync.server_id = ANY($2) AND sync.not_before <= clock_timestamp()
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

async function admitToServer(
  client: pg.ClientBase,
  { run, settings }: ClaimRound,
  server: ServerState | undefined,
  vehicleId: string,
): Promise<void> {
  if (!server) return;
  const { breaker } = admit(server.breaker, probeKey(run.runId, vehicleId), server.lockedAt, settings.leaseMs);
  if (breaker !== server.breaker) await writeBreaker(client, server.serverId, breaker);
}

function circuit({ serverId, breaker }: ServerState, { retryInMs }: Admission): Obstacle {
  return { reason: describeBreaker(serverId, breaker), retryInMs };
}
