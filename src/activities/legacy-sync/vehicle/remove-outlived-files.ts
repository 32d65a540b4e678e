import type pg from 'pg';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import { vehicleClaims } from '../../../records/vehicle-claims.ts';
import type { WorkClaims } from '../../../records/work-claims.ts';
import type { LegacyHost } from '../legacy-host/legacy-host.ts';
import type { OutlivedFiles } from './outlived-files.ts';
import type { LocalStaging } from '../transfer/local-staging.ts';

/**
 * Removes an attempt's files when the run no longer claims the vehicle. An attempt calls this when it ends: a time-out or a cancellation
 * reaches it only with its next heartbeat, and the vehicle's clean-up may have run before the attempt wrote its last file. Where the vehicle is
 * still claimed, perhaps by a successor elsewhere, or nobody tells, `outlived` keeps looking; the janitor finds the rest.
 */
export async function removeOutlivedFiles(
  { pool, staging, outlived }: { pool: pg.Pool; staging: LocalStaging; outlived?: OutlivedFiles },
  host: LegacyHost,
  key: VehicleSyncKey,
  isStillClaimed: WorkClaims['isClaimed'] = vehicleClaims.isClaimed,
): Promise<void> {
  outlived?.keep(key, isStillClaimed);
  try {
    if (await isStillClaimed(pool, key)) return;
    await staging.remove(key);
    await host.removeFiles(key);
  } catch {
    // The caller is to see how the attempt ended, not that its files could not be removed.
  }
}
