import type pg from 'pg';
import type { Claim, ClaimInput } from '../../../workflows/legacy-sync/activities.ts';
import type { ClaimRound } from './claim-round.ts';

/** The vehicle a slot holds; a unique index says it is one at most. */
export interface HeldClaim {
  vehicleId: string;
  serverId: string;
  label: string;
  sequence: number;
  plannedRows: number;
  deferrals: number;
  /** Milliseconds since the epoch, by PostgreSQL's clock. */
  claimedAt: number;
}

export async function heldClaim(client: pg.ClientBase, { runId, slot }: ClaimInput): Promise<HeldClaim | null> {
  const { rows } = await client.query<HeldClaim>(
    `SELECT sync.vehicle_id AS "vehicleId", sync.server_id AS "serverId", vehicle.label, sync.sequence::float8 AS sequence,
            sync.planned_rows::float8 AS "plannedRows", sync.deferrals,
            (extract(epoch FROM sync.claimed_at) * 1000)::float8 AS "claimedAt"
     FROM vehicle_syncs AS sync JOIN vehicles AS vehicle ON vehicle.id = sync.vehicle_id
     WHERE sync.run_id = $1 AND sync.slot = $2 AND sync.state = 'claimed' FOR UPDATE OF sync`,
    [runId, slot],
  );
  return rows[0] ?? null;
}

export function claimOf(
  { vehicleId, label, plannedRows }: Pick<HeldClaim, 'vehicleId' | 'label' | 'plannedRows'>,
  { run, settings, workers }: ClaimRound,
): Claim {
  const timeoutMs = settings.workerTimeoutMs;
  return { kind: 'vehicle', vehicle: { vehicleId, label, mode: run.mode, plannedRows, timeoutMs }, workers };
}
