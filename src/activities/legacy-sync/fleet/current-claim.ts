import type pg from 'pg';
import { type CurrentSlice, currentSlice } from '../../../records/table-reads.ts';
import type { Claim, ClaimInput } from '../../../workflows/legacy-sync/activities.ts';
import type { ClaimRequest } from './claim-request.ts';

/** The vehicle that a slot has claimed; a unique index allows one at most. */
export interface CurrentVehicle {
  kind: 'vehicle';
  vehicleId: string;
  serverId: string;
  label: string;
  sequence: number;
  plannedRows: number;
  deferrals: number;
  /** Milliseconds since the epoch, by PostgreSQL's clock. */
  claimedAt: number;
}

/** A slot has claimed one of both. */
export type CurrentClaim = CurrentVehicle | CurrentSlice;

export async function currentClaim(client: pg.ClientBase, { runId, slot }: ClaimInput): Promise<CurrentClaim | null> {
  const { rows } = await client.query<CurrentVehicle>(
    `SELECT 'vehicle' AS kind, sync.vehicle_id AS "vehicleId", sync.server_id AS "serverId", vehicle.label, sync.sequence::float8 AS sequence,
            sync.planned_rows::float8 AS "plannedRows", sync.deferrals,
            (extract(epoch FROM sync.claimed_at) * 1000)::float8 AS "claimedAt"
     FROM vehicle_syncs AS sync JOIN vehicles AS vehicle ON vehicle.id = sync.vehicle_id
     WHERE sync.run_id = $1 AND sync.slot = $2 AND sync.state = 'claimed' FOR UPDATE OF sync`,
    [runId, slot],
  );
  return rows[0] ?? currentSlice(client, { runId, slot });
}

export function claimOf(
  { vehicleId, label, plannedRows }: Pick<CurrentVehicle, 'vehicleId' | 'label' | 'plannedRows'>,
  { run, settings, workers }: ClaimRequest,
): Claim {
  const timeoutMs = settings.workerTimeoutMs;
  return { kind: 'vehicle', vehicle: { vehicleId, label, mode: run.mode, plannedRows, timeoutMs }, workers };
}

export function claimOfSlice(
  { sliceId, serverId, table, number, of, plannedRows }: CurrentSlice,
  { settings, workers }: ClaimRequest,
): Claim {
  const timeoutMs = settings.workerTimeoutMs;
  return { kind: 'slice', slice: { sliceId, serverId, table, number, of, plannedRows, timeoutMs }, workers };
}
