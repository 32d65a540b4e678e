import type pg from 'pg';
import type { ProgressStore, SlotProgress, WorkerStatus } from '../connections/progress.ts';
import { readVehicles } from '../settings/vehicles.ts';
import type { ClaimInput, FleetActivities } from '../workflows/legacy-sync/activities.ts';
import type { ResourceGuard } from './resource-guard.ts';

/** How long a slot waits before it asks again whether this process has room. */
const NO_ROOM_RETRY_MS = 2_000;

/**
 * Claims as the pool's rows decide, with two things only this process knows: it claims nothing while it is over its resource limits, and
 * it shows what became of the slot: the vehicle it had last, and all of what that brought.
 */
export function watchClaims(
  claimNext: FleetActivities['claimNext'],
  { guard, progress, pool }: { guard: ResourceGuard; progress: ProgressStore; pool: pg.Pool },
): FleetActivities['claimNext'] {
  return async (input) => {
    const refusal = input.settleOnly ? null : guard.refusal();
    const claim = await claimNext(refusal === null ? input : { ...input, settleOnly: true });
    if (claim.kind !== 'vehicle') progress.write(input.runId, settledSlot(input, await labelOf(pool, input.settle)));
    if (refusal === null) return claim;
    return { kind: 'wait', reason: refusal, retryInMs: NO_ROOM_RETRY_MS, workers: claim.workers };
  };
}

/** Only shown: the claim is made already, and stays so while PostgreSQL is away. */
async function labelOf(pool: pg.Pool, settle: ClaimInput['settle']): Promise<string | null> {
  if (settle === null) return null;
  const [vehicle] = await readVehicles(pool, [settle.vehicleId]).catch(() => []);
  return vehicle?.label ?? null;
}

function settledSlot({ slot, settle }: ClaimInput, label: string | null): SlotProgress {
  const status: WorkerStatus = settle?.result === 'completed' || settle?.result === 'failed' ? settle.result : 'idle';
  return {
    workerId: slot,
    status,
    vehicleId: settle?.vehicleId ?? null,
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
