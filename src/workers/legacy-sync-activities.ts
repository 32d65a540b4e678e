import { Context, cancellationSignal, heartbeat } from '@temporalio/activity';
import type pg from 'pg';
import { discoverVehicles } from '../activities/legacy-sync/inspection/discover-vehicles.ts';
import { createDiscoverVehicles } from '../activities/legacy-sync/inspection/discover-for-operator.ts';
import { createInspectServer } from '../activities/legacy-sync/inspection/inspect-for-operator.ts';
import { createTestServer } from '../activities/legacy-sync/vehicle/test-server.ts';
import { createFleetActivities } from '../activities/legacy-sync/fleet/fleet-activities.ts';
import { createSliceActivities } from '../activities/legacy-sync/table/slice-activities.ts';
import { sliceClaims } from '../records/slice-claims.ts';
import { createVehicleWork } from '../activities/legacy-sync/vehicle/vehicle-work.ts';
import { type LegacyHosts, openLegacyHosts } from '../activities/legacy-sync/legacy-host/legacy-hosts.ts';
import { type LocalStaging, openLocalStaging } from '../activities/legacy-sync/transfer/local-staging.ts';
import { createRedriveQuarantine } from '../activities/legacy-sync/load/redrive-rows.ts';
import { createReconciliationActivities } from '../activities/legacy-sync/reconciliation/reconciliation-activities.ts';
import { createRolloutActivities } from '../activities/legacy-sync/rollout/rollout-activities.ts';
import { createCleanUp } from '../activities/legacy-sync/vehicle/clean-up.ts';
import type { OutlivedFiles } from '../activities/legacy-sync/vehicle/outlived-files.ts';
import { createExportRange } from '../activities/legacy-sync/vehicle/export-range.ts';
import { createLoadRange } from '../activities/legacy-sync/vehicle/load-range.ts';
import type { Config } from '../config.ts';
import type { ProgressStore } from '../records/progress.ts';
import type { SettingsReader } from '../records/settings-reader.ts';
import type { Logger } from '../logger.ts';
import { createCircuitStore } from '../pool/circuit-store.ts';
import { createHostRates } from '../pool/host-rates.ts';
import { createLineMeter } from '../pool/line-speed.ts';
import { createLimitStore, noteHostLoad } from '../pool/limit-store.ts';
import { openServerPermits, type TransferPermits } from '../pool/permits.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { readLegacyServer } from '../records/legacy-servers.ts';
import type {
  FleetActivities,
  OperatorActivities,
  ReconciliationActivities,
  SliceActivities,
  VehicleActivities,
} from '../workflows/legacy-sync/activities.ts';
import type { RolloutActivities } from '../workflows/legacy-sync/rollout-contract.ts';
import type { FaultPoint } from './fault-point.ts';
import type { ResourceGuard } from './resource-guard.ts';
import { guardedClaims } from './guarded-claims.ts';

interface Shared {
  pool: pg.Pool;
  settings: () => LegacySyncSettings;
  logger: Logger;
}

export interface LegacySyncParts {
  legacyHosts: LegacyHosts;
  staging: LocalStaging;
  /** Places for reconciling at each server. */
  places: TransferPermits;
  close(): Promise<void>;
}

const RATE_OF = { dumps: 'dumpsPerSecond', rows: 'rowsPerSecond', bytes: 'bytesPerSecond' } as const;

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
      if (kind === 'reconcile') return settings().reconcilePlaces;
      return kind === 'connection'
        ? (limits.connectionPoolSize ?? settings().connectionPoolSize)
        : (limits.concurrentTransfers ?? settings().concurrentTransfers);
    },
    onError: (error) => logger.warn({ err: error }, 'keeping the permits at the legacy servers'),
  });
  const legacyHosts = openLegacyHosts({
    settings,
    permits,
    rates: ({ id, limits }) => createHostRates(pool, id, (kind) => limits[RATE_OF[kind]] ?? settings()[RATE_OF[kind]]),
    line: ({ id }) => createLineMeter(pool, id, logger),
    onLoad: (serverId, load) => {
      if (!settings().adaptiveEnabled) return;
      // It only guides the limit, and the next dump tells it again.
      noteHostLoad(pool, serverId, load).catch((error: unknown) =>
        logger.debug({ err: error }, 'keeping a host’s load'),
      );
    },
    logger,
  });
  const staging = await openLocalStaging(config.stagingDir);
  return {
    legacyHosts,
    staging,
    places: permits.reconciliations,
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
  outlived: OutlivedFiles;
  /** Of the same settings: a claim reads them in its own transaction. */
  settingsReader: SettingsReader;
}

export function createLegacySyncActivities(
  given: ActivityParts,
): FleetActivities &
  VehicleActivities &
  SliceActivities &
  OperatorActivities &
  ReconciliationActivities &
  RolloutActivities {
  const parts = { ...given, pace: given.guard.pace };
  const { pool, settings, progress, legacyHosts, guard, logger } = parts;
  const work = createVehicleWork({ pool, settings });
  const sliceWork = createVehicleWork({ pool, settings, claims: sliceClaims });
  const circuits = createCircuitStore(pool, { limits: async () => settings() });
  const limits = createLimitStore(pool, settings);
  const fleet = createFleetActivities({
    pool,
    planner: legacyHosts,
    discover: async (server, signal) => (await discoverVehicles(legacyHosts, server, { signal })).vehicles,
    circuits,
    settings: parts.settingsReader,
    log: logger,
    heartbeat,
    cancellationSignal,
  });
  const testServer = createTestServer({ pool, legacyHosts, settings, cancellationSignal });
  return {
    ...fleet,
    claimNext: guardedClaims(fleet.claimNext, { guard, progress, pool }),
    exportRange: createExportRange({ ...parts, work, circuits, limits }),
    loadRange: createLoadRange({ ...parts, work, circuits, limits }),
    cleanUp: createCleanUp(parts),
    workedMs: work.workedMs,
    ...createSliceActivities({ ...parts, work: sliceWork, circuits, limits }),
    testServer,
    checkServer: testServer,
    inspectServer: createInspectServer({ settings, logger, cancellationSignal }),
    discoverVehicles: createDiscoverVehicles({ pool, legacyHosts, cancellationSignal }),
    redriveQuarantine: createRedriveQuarantine({
      pool: parts.importPool,
      settings,
      pace: guard.pace,
      cancellationSignal,
    }),
    ...createRolloutActivities({ pool, settings: parts.settingsReader }),
    ...createReconciliationActivities({
      ...parts,
      heartbeat,
      cancellationSignal,
      attempt: () => Context.current().info.attempt,
    }),
  };
}
