import { cancellationSignal, heartbeat } from '@temporalio/activity';
import type pg from 'pg';
import { createCheckServer } from '../activities/legacy-sync/fleet/check-server.ts';
import { createFleetActivities } from '../activities/legacy-sync/fleet/fleet-activities.ts';
import { createSettingsReader } from '../activities/legacy-sync/fleet/settings-reader.ts';
import { createVehicleWork } from '../activities/legacy-sync/fleet/vehicle-work.ts';
import { type LegacyHosts, openLegacyHosts } from '../activities/legacy-sync/legacy-host/legacy-hosts.ts';
import { type LocalStaging, openLocalStaging } from '../activities/legacy-sync/load/local-staging.ts';
import { createRedriveQuarantine } from '../activities/legacy-sync/load/redrive-rows.ts';
import { createCleanUp } from '../activities/legacy-sync/vehicle/clean-up.ts';
import { createExportRange } from '../activities/legacy-sync/vehicle/export-range.ts';
import { createLoadRange } from '../activities/legacy-sync/vehicle/load-range.ts';
import type { Config } from '../config.ts';
import type { ProgressStore } from '../connections/progress.ts';
import type { Logger } from '../logger.ts';
import { openBreakerStore } from '../pool/breaker-store.ts';
import { openServerPermits } from '../pool/permits.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { readLegacyServer } from '../settings/legacy-servers.ts';
import type { FleetActivities, OperatorActivities, VehicleActivities } from '../workflows/legacy-sync/activities.ts';
import type { FaultPoint } from './fault-point.ts';
import type { ResourceGuard } from './resource-guard.ts';
import { watchClaims } from './watch-claims.ts';

interface Shared {
  pool: pg.Pool;
  settings: () => LegacySyncSettings;
  logger: Logger;
}

export interface LegacySyncParts {
  legacyHosts: LegacyHosts;
  staging: LocalStaging;
  close(): Promise<void>;
}

/** What reaches out of this process: the legacy hosts, with the permits they are reached by, and the staging folder. */
export async function openLegacySyncParts(
  config: Config,
  { pool, settings, logger }: Shared,
): Promise<LegacySyncParts> {
  const permits = await openServerPermits({
    pool,
    url: config.postgresUrl,
    leaseMs: settings().permitLeaseMs,
    limitOf: async (serverId, kind) => {
      const { limits } = await readLegacyServer(pool, serverId);
      return kind === 'connection'
        ? (limits.connectionPoolSize ?? settings().connectionPoolSize)
        : (limits.concurrentTransfers ?? settings().concurrentTransfers);
    },
    onError: (error) => logger.warn({ err: error }, 'keeping the permits at the legacy servers'),
  });
  const legacyHosts = openLegacyHosts({ settings, permits, logger });
  const staging = await openLocalStaging(config.stagingDir);
  return {
    legacyHosts,
    staging,
    close: async () => {
      await legacyHosts.close();
      await permits.close();
    },
  };
}

interface ActivityParts extends Shared, Omit<LegacySyncParts, 'close'> {
  importPool: pg.Pool;
  progress: ProgressStore;
  guard: ResourceGuard;
  faultPoint: FaultPoint;
}

export function createLegacySyncActivities(
  parts: ActivityParts,
): FleetActivities & VehicleActivities & OperatorActivities {
  const { pool, settings, progress, legacyHosts, guard, logger } = parts;
  const work = createVehicleWork({ pool, settings });
  const breakers = openBreakerStore(pool, { limits: async () => settings() });
  const fleet = createFleetActivities({
    pool,
    planner: legacyHosts,
    breakers,
    settings: createSettingsReader(pool, logger),
    log: logger,
    heartbeat,
    cancellationSignal,
  });
  return {
    ...fleet,
    claimNext: watchClaims(fleet.claimNext, { guard, progress, pool }),
    exportRange: createExportRange({ ...parts, work, breakers }),
    loadRange: createLoadRange({ ...parts, work, breakers }),
    cleanUp: createCleanUp(parts),
    workedMs: work.workedMs,
    checkServer: createCheckServer({ pool, legacyHosts, settings, cancellationSignal }),
    redriveQuarantine: createRedriveQuarantine({ pool: parts.importPool }),
  };
}
