import { createActivityFailureInterceptor } from '../activities/activity-failures.ts';
import { createReconcileClaims } from '../activities/legacy-sync/fleet/reconcile-claims.ts';
import { createSweepOrphans } from '../activities/legacy-sync/vehicle/sweep-orphans.ts';
import type { Config } from '../config.ts';
import { openPostgres } from '../connections/postgres.ts';
import { createProgressStore } from '../connections/progress.ts';
import { openRedis } from '../connections/redis.ts';
import { ensureSearchAttributes, openTemporal } from '../connections/temporal.ts';
import { connectWorkers } from '../connections/temporal-worker.ts';
import type { Logger } from '../logger.ts';
import { LEGACY_SYNC_TASK_QUEUE } from '../workflows/legacy-sync/messages.ts';
import { fleetRunKey, vehicleIdKey, workerSlotKey } from '../workflows/legacy-sync/search-attributes.ts';
import { WORKFLOW_BUNDLES } from './bundle-path.ts';
import { createFaultPoint } from './fault-point.ts';
import { createFleetNotifier } from './fleet-notifier.ts';
import { createIsAlive } from './is-alive.ts';
import { startJanitor } from './janitor.ts';
import { openLiveSettings } from './live-settings.ts';
import { createLegacySyncActivities, openLegacySyncParts } from './legacy-sync-activities.ts';
import { createResourceGuard } from './resource-guard.ts';
import { type RunningWorker, runAndClose } from './running-worker.ts';

/**
 * Vehicles one process works on at once, far above any sensible number of slots: what limits them are the permits, which are counted over
 * all processes. A full activity queue would be time the vehicle neither works nor can be told from working.
 */
const MAX_ACTIVITIES = 200;
const MAX_CACHED_WORKFLOWS = 1_000;

/** Everything the legacy-sync task queue needs, from the addresses to the polling worker. */
export async function startLegacySyncWorker(config: Config, logger: Logger): Promise<RunningWorker> {
  const pool = openPostgres(config.postgresUrl, { max: 10, applicationName: 'fleetgraph worker' });
  const redis = openRedis(config.redisUrl);
  const temporal = await openTemporal();
  const connection = await connectWorkers();
  await ensureSearchAttributes(temporal, [vehicleIdKey, workerSlotKey, fleetRunKey]);

  const notifyFleets = createFleetNotifier({ client: temporal.client, pool, logger });
  const settings = await openLiveSettings({ pool, url: config.postgresUrl, logger }, notifyFleets);
  const importPool = openPostgres(config.postgresUrl, {
    max: settings.current().databasePoolSize,
    applicationName: 'fleetgraph import',
  });
  const parts = await openLegacySyncParts(config, { pool, settings: settings.current, logger });
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
      faultPoint: createFaultPoint(config.fault),
      settings: settings.current,
      logger,
    }),
    interceptors: { activity: [() => ({ inbound: createActivityFailureInterceptor(logger) })] },
    identity: `${process.pid}@${config.hostname}`,
    maxConcurrentActivityTaskExecutions: MAX_ACTIVITIES,
    maxCachedWorkflows: MAX_CACHED_WORKFLOWS,
    workflowTaskPollerBehavior: { type: 'autoscaling', minimum: 2, maximum: 10 },
    activityTaskPollerBehavior: { type: 'autoscaling', minimum: 2, maximum: 10 },
    // With the 10 s heartbeat timeout: a cancellation is heard within 3 s, and a killed worker is noticed 7 s after its restart.
    maxHeartbeatThrottleInterval: '3 seconds',
    // What is nearly done ends; the rest is handed back and goes on elsewhere.
    shutdownGraceTime: '2 seconds',
  });
  const janitor = startJanitor({
    reconcileClaims: createReconcileClaims({
      pool,
      settings: settings.current,
      isAlive: createIsAlive(temporal.client),
      log: logger,
    }),
    sweepOrphans: createSweepOrphans({ ...parts, pool, orphanAfterMs: () => settings.current().orphanAfterMs, logger }),
    intervalMs: () => settings.current().janitorIntervalMs,
    logger,
  });
  const close = async (): Promise<void> => {
    await janitor.close();
    guard.close();
    await parts.close();
    await settings.close();
    redis.disconnect();
    await Promise.all([pool.end(), importPool.end(), temporal.close(), connection.close()]);
  };
  return runAndClose(worker, close);
}
