import type pg from 'pg';
import type { ProgressStore, SlotProgress, WorkerStatus } from '../records/progress.ts';
import { readSlicePlace } from '../records/table-reads.ts';
import { readVehicles } from '../records/vehicles.ts';
import type { ClaimInput, FleetActivities } from '../workflows/legacy-sync/activities.ts';
import { sliceLabel } from '../workflows/legacy-sync/messages.ts';
import type { ResourceGuard } from './resource-guard.ts';

/** How long a slot waits before it asks again whether this process has room. */
const NO_ROOM_RETRY_MS = 2_000;

/**
 * Adds to `claimNext` what only this process knows: it claims nothing while the process is over its resource limits, and it shows in the
 * live progress how the slot's last vehicle ended.
 */
export function guardedClaims(
  claimNext: FleetActivities['claimNext'],
  { guard, progress, pool }: { guard: ResourceGuard; progress: ProgressStore; pool: pg.Pool },
): FleetActivities['claimNext'] {
  return async (input) => {
    const refusal = input.settleOnly ? null : guard.refusal();
    const claim = await claimNext(refusal === null ? input : { ...input, settleOnly: true });
    if (claim.kind !== 'vehicle' && claim.kind !== 'slice')
      progress.write(input.runId, settledSlot(input, await labelOf(pool, input)));
    if (refusal === null) return claim;
    return { kind: 'wait', reason: refusal, retryInMs: NO_ROOM_RETRY_MS, workers: claim.workers };
  };
}

/** null when PostgreSQL is away: the label is only shown, and must not fail a claim that is made already. */
async function labelOf(pool: pg.Pool, { runId, settle }: ClaimInput): Promise<string | null> {
  if (settle === null) return null;
  if ('sliceId' in settle) {
    const slice = await readSlicePlace(pool, runId, settle.sliceId).catch(() => null);
    return slice && sliceLabel(slice);
  }
  const [vehicle] = await readVehicles(pool, [settle.vehicleId]).catch(() => []);
  return vehicle?.label ?? null;
}

function settledSlot({ slot, settle }: ClaimInput, label: string | null): SlotProgress {
  const status: WorkerStatus = settle?.result === 'completed' || settle?.result === 'failed' ? settle.result : 'idle';
  return {
    workerId: slot,
    status,
    vehicleId: settle !== null && 'vehicleId' in settle ? settle.vehicleId : null,
    label,
    bytes: settle?.totals.bytes ?? 0,
    rows: settle?.totals.rows ?? 0,
    plannedRows: settle?.totals.rows ?? 0,
    percent: status === 'completed' ? 100 : 0,
    bytesPerSecond: 0,
    etaSeconds: null,
    updatedAt: new Date().toISOString(),
  };
}
