import type pg from 'pg';
import type { Logger } from '../../../logger.ts';
import type { WorkClaims } from '../../../records/work-claims.ts';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import type { LocalStaging } from '../transfer/local-staging.ts';

/** More than this many are left to the janitor, which finds them by their age. */
const MOST = 1_000;

interface Kept {
  key: VehicleSyncKey;
  isStillClaimed: WorkClaims['isClaimed'];
}

/**
 * Keeps the files on this host of attempts that ended while their vehicle was still claimed: by a successor elsewhere, which does not know of them,
 * or as far as could be told while PostgreSQL was away. They are removed as soon as nobody claims the vehicle in that run any more.
 */
export interface OutlivedFiles {
  keep(key: VehicleSyncKey, isStillClaimed: WorkClaims['isClaimed']): void;
  /** Removes the files of those that are not claimed any more. */
  sweep(): Promise<void>;
}

export function createOutlivedFiles({
  pool,
  staging,
  logger,
}: {
  pool: pg.Pool;
  staging: LocalStaging;
  logger: Logger;
}): OutlivedFiles {
  const kept = new Map<string, Kept>();
  return {
    keep(key, isStillClaimed) {
      if (kept.size < MOST) kept.set(`${key.runId}/${key.vehicleId}`, { key, isStillClaimed });
    },
    async sweep() {
      for (const [name, { key, isStillClaimed }] of kept) {
        if (await isStillClaimed(pool, key)) continue;
        await staging.remove(key);
        kept.delete(name);
        logger.info(key, 'files of an attempt that was outlived were removed');
      }
    },
  };
}
