import { Runtime } from '@temporalio/worker';
import { createActivityFailureInterceptor } from '../activities/activity-failures.ts';
import { createSettleLostClaims } from '../activities/legacy-sync/fleet/settle-lost-claims.ts';
import type { LostWorkDependencies } from '../activities/legacy-sync/fleet/lost-work.ts';
import { createSettleLostRollouts } from '../activities/legacy-sync/rollout/settle-lost-rollouts.ts';
import { createSlotLogInterceptor } from '../activities/legacy-sync/slot-log.ts';
import { createSweepOrphans } from '../activities/legacy-sync/vehicle/sweep-orphans.ts';
import type { Config } from '../config.ts';
import { type OutlivedFiles, createOutlivedFiles } from '../activities/legacy-sync/vehicle/outlived-files.ts';
import { openPostgres } from '../connections/postgres.ts';
import { createProgressStore } from '../records/progress.ts';
import { createSettingsReader } from '../records/settings-reader.ts';
import { openRedis } from '../connections/redis.ts';
import { ensureSearchAttributes, openTemporal } from '../connections/temporal.ts';
import { connectWorkers } from '../connections/temporal-worker.ts';
import type { Logger } from '../logger.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { LEGACY_SYNC_TASK_QUEUE } from '../workflows/legacy-sync/messages.ts';
import {
  fleetRunKey,
  legacyTableKey,
  vehicleIdKey,
  workerSlotKey,
} from '../workflows/legacy-sync/search-attributes.ts';
import { WORKFLOW_BUNDLES } from './bundle-path.ts';
import { startDiskGauges } from './disk-gauges.ts';
import { createFaultPoint } from './fault-point.ts';
import { createFleetNotifier } from './fleet-notifier.ts';
import { createIsAlive } from './is-alive.ts';
import { startJanitor } from './janitor.ts';
import { startLegacySyncAlerts } from './watch-alerts.ts';
import { type LegacySyncParts, createLegacySyncActivities, openLegacySyncParts } from './legacy-sync-activities.ts';
import { startProcessGauges } from './process-gauges.ts';
import { createResourceGuard } from './resource-guard.ts';
import { type Repeated, repeat } from './repeat.ts';
import { startServerChecks } from './server-checks.ts';
import { type RunningWorker, runAndClose } from './running-worker.ts';

/**
 * Vehicles that one process works on at the same time: more than any sensible number of slots, because the permits, which all processes
 * share, are the limit. A vehicle in a full activity queue would look like one that is worked on.
 */
const MAX_ACTIVITIES = 200;
const MAX_CACHED_WORKFLOWS = 1_000;
/** A look costs one short statement for each attempt that ended before its vehicle did. */
const OUTLIVED_MS = 5_000;

/** A connection that has gone without a word must not keep one of the ten for longer. */
const SHORT_STATEMENTS = { statementTimeoutMs: 30_000, queryTimeoutMs: 35_000 };

/** Everything the legacy-sync task queue needs, from the addresses to the polling worker. */
export async function startLegacySyncWorker(config: Config, logger: Logger): Promise<RunningWorker> {
  const pool = openPostgres(config.postgresUrl, {
    max: 10,
    applicationName: 'fleetgraph worker',
    ...SHORT_STATEMENTS,
  });
  const redis = openRedis(config.redisUrl);
  const temporal = await openTemporal();
  const connection = await connectWorkers();
  await ensureSearchAttributes(temporal, [vehicleIdKey, workerSlotKey, fleetRunKey, legacyTableKey]);

  const notifyFleets = createFleetNotifier({ client: temporal.client, pool, logger });
  const settings = createSettingsReader(pool, logger);
  await settings.read();
  const following = await settings.follow(config.postgresUrl, notifyFleets);
  const importPool = openPostgres(config.postgresUrl, {
    max: settings.current().databasePoolSize,
    applicationName: 'fleetgraph import',
  });
  const parts = await openLegacySyncParts(config, { pool, settings: settings.current, logger });
  const outlived = createOutlivedFiles({ pool, staging: parts.staging, logger });
  const guard = createResourceGuard(settings.current);
  const progress = createProgressStore(redis);
  const worker = await connection.createWorker({
    taskQueue: LEGACY_SYNC_TASK_QUEUE,
    workflows: WORKFLOW_BUNDLES,
    activities: createLegacySyncActivities({
      ...parts,
      pool,
      importPool,
      progress,
      guard,
      outlived,
      faultPoint: createFaultPoint(config.fault),
      settingsReader: settings,
      settings: settings.current,
      logger,
    }),
    interceptors: { activity: interceptorsOf(logger) },
    identity: `${process.pid}@${config.hostname}`,
    maxConcurrentActivityTaskExecutions: MAX_ACTIVITIES,
    maxCachedWorkflows: MAX_CACHED_WORKFLOWS,
    workflowTaskPollerBehavior: { type: 'autoscaling', minimum: 2, maximum: 10 },
    activityTaskPollerBehavior: { type: 'autoscaling', minimum: 2, maximum: 10 },
    // A cancellation reaches an activity within 3 s. With the heartbeat timeout of 10 s, a killed worker is noticed 7 s after its restart.
    maxHeartbeatThrottleInterval: '3 seconds',
    // Work that is nearly done ends; the rest is handed back to other workers.
    shutdownGraceTime: '2 seconds',
  });
  const isAlive = createIsAlive(temporal.client);
  const janitor = sweepRegularly({ ...parts, pool, settings: settings.current, isAlive, logger });
  const leftFiles = sweepOutlived(outlived, logger);
  const checks = startServerChecks({ ...parts, pool, settings: settings.current, logger });
  const alerts = startLegacySyncAlerts({ pool, settings: settings.current, logger });
  const gauges = startGauges(config.stagingDir, logger);
  const close = async (): Promise<void> => {
    await Promise.all([janitor, leftFiles, checks, alerts, ...gauges].map((each) => each.close()));
    guard.close();
    await parts.close();
    await following.close();
    redis.disconnect();
    await Promise.all([pool.end(), importPool.end(), temporal.close(), connection.close()]);
  };
  return runAndClose(worker, close);
}

const interceptorsOf = (logger: Logger) =>
  [createActivityFailureInterceptor, createSlotLogInterceptor].map((create) => () => ({ inbound: create(logger) }));

/** What this process takes of its machine. */
function startGauges(folder: string, logger: Logger): Repeated[] {
  const meter = Runtime.instance().metricMeter;
  return [startDiskGauges({ meter, folder, logger }), startProcessGauges({ meter, logger })];
}

interface JanitorWork extends LegacySyncParts, Omit<LostWorkDependencies, 'settings' | 'log'> {
  settings: () => LegacySyncSettings;
  logger: Logger;
}

const sweepRegularly = ({ settings, logger, ...parts }: JanitorWork): Repeated =>
  startJanitor({
    settleLostClaims: createSettleLostClaims({ ...parts, settings, log: logger }),
    settleLostRollouts: createSettleLostRollouts({ ...parts, log: logger }),
    sweepOrphans: createSweepOrphans({ ...parts, orphanAfterMs: () => settings().orphanAfterMs, logger }),
    intervalMs: () => settings().janitorIntervalMs,
    logger,
  });

const sweepOutlived = (outlived: OutlivedFiles, logger: Logger): Repeated =>
  repeat({
    what: 'the removal of files that were outlived',
    waitMs: async () => OUTLIVED_MS,
    work: () => outlived.sweep(),
    logger,
  });
