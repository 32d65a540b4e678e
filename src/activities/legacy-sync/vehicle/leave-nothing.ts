import type pg from 'pg';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import { isHeld } from '../fleet/vehicle-work.ts';
import type { LegacyHost } from '../legacy-host/legacy-host.ts';
import type { LocalStaging } from '../load/local-staging.ts';

/**
 * Called by an attempt that may have written files and ends. It hears of a time-out or a cancellation with its next heartbeat only, and the
 * vehicle has been cleaned up after by then: who has outlived the vehicle's claim cleans up after himself. What fails here is the janitor's.
 */
export async function leaveNothing(
  { pool, staging }: { pool: pg.Pool; staging: LocalStaging },
  host: LegacyHost,
  key: VehicleSyncKey,
): Promise<void> {
  try {
    if (await isHeld(pool, key)) return;
    await staging.remove(key);
    await host.removeFiles(key);
  } catch {
    // The attempt's own end is what has to be told.
  }
}
