import { inTransaction } from '../../../connections/postgres.ts';
import {
  type ExpiredSlice,
  dropRunSlices,
  expiredSlices,
  extendSliceLease,
  lockExpiredSlice,
  orphanedReadVehicles,
  putBackSlice,
  settleSlice,
} from '../../../records/table-reads.ts';
import { settleLeftovers, settleVehicle } from '../../../records/vehicle-claims.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { tableSliceSyncWorkflowId } from '../../../workflows/legacy-sync/messages.ts';
import { type LostWorkDependencies, type SettledWork, type Verdict, judge, lostMessage } from './lost-work.ts';

/** Settles slices whose lease ran out, and the vehicles of reads that nobody goes on with because their run has ended. */
export async function settleLostSlices(
  deps: LostWorkDependencies,
  result: SettledWork,
  settings: LegacySyncSettings,
): Promise<void> {
  for (const slice of await expiredSlices(deps.pool)) {
    const verdict = await judge(deps.isAlive, tableSliceSyncWorkflowId(slice), slice);
    result[verdict] += await apply(deps, { slice, verdict }, settings);
  }
  for (const { runId, vehicleIds } of await orphanedReadVehicles(deps.pool)) {
    const lost = { code: 'Lost', message: lostMessage(runId) } as const;
    await inTransaction(deps.pool, async (client) => {
      await dropRunSlices(client, runId, { states: ['planned'], ...lost });
      for (const vehicleId of vehicleIds) {
        await settleVehicle(client, { runId, vehicleId }, { status: 'failed', ...lost });
      }
    });
    result.lost += vehicleIds.length;
  }
}

async function apply(
  { pool, log }: LostWorkDependencies,
  { slice, verdict }: { slice: ExpiredSlice; verdict: Verdict },
  { leaseMs, claimPollMs }: LegacySyncSettings,
): Promise<number> {
  return inTransaction(pool, async (client) => {
    // Temporal was asked in between: the slice may have been renewed, settled or taken by another slot since.
    if (!(await lockExpiredSlice(client, slice))) return 0;
    if (verdict === 'extended') {
      await extendSliceLease(client, slice, leaseMs);
      return 1;
    }
    log.warn({ ...slice, verdict }, 'the lease of a slice ran out and nobody works on it');
    if (verdict === 'putBack') {
      await putBackSlice(client, slice, { reason: 'its worker slot was lost', afterMs: claimPollMs });
      return 1;
    }
    const settlement = { status: 'failed', code: 'Lost', message: lostMessage(slice.runId) } as const;
    await settleSlice(client, slice, settlement);
    // Nobody is there any more to claim what has just come back to the run.
    await settleLeftovers(client, slice.runId, { settlement, states: ['planned'] });
    return 1;
  });
}
