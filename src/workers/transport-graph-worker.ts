import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import { createActivityFailureInterceptor } from '../activities/activity-failures.ts';
import { openBackupStore } from '../activities/transport-graph/backup-store.ts';
import { createBuildGraph } from '../activities/transport-graph/graph-builder/build-graph.ts';
import { rollbackGraph } from '../activities/transport-graph/graph-builder/rollback-graph.ts';
import { maintainGraphs } from '../activities/transport-graph/graph-builder/maintain-graphs.ts';
import { createSyncOdata } from '../activities/transport-graph/odata-sync/sync-odata.ts';
import { uploadBackups } from '../activities/transport-graph/odata-sync/upload-backups.ts';
import { createCountAttempts } from '../activities/transport-graph/records/count-attempts.ts';
import { createRaiseAlert } from '../activities/transport-graph/records/raise-alert.ts';
import { createStageRecords } from '../activities/transport-graph/records/stage-records.ts';
import { createStageLog } from '../activities/transport-graph/stage-log.ts';
import { createGenerateVirtualEntities } from '../activities/transport-graph/virtual-entities/generate-virtual-entities.ts';
import type { Config } from '../config.ts';
import { settleLostStages } from '../connections/lost-stages.ts';
import { openPostgres } from '../connections/postgres.ts';
import { openRedis } from '../connections/redis.ts';
import { openTemporal } from '../connections/temporal.ts';
import { connectWorkers } from '../connections/temporal-worker.ts';
import type { Logger } from '../logger.ts';
import { readTransportGraphSettings } from '../settings/store.ts';
import type {
  OperatorActivities,
  PipelineActivities,
  StageActivities,
} from '../workflows/transport-graph/activities.ts';
import {
  GRAPH_BUILDER,
  ODATA_SYNC,
  TRANSPORT_GRAPH_TASK_QUEUE,
  VIRTUAL_ENTITIES,
} from '../workflows/transport-graph/messages.ts';
import { WORKFLOW_BUNDLES } from './bundle-path.ts';
import { createFaultPoint } from './fault-point.ts';
import { reconcileSchedule } from './pipeline-schedule.ts';
import { type RunningWorker, runAndClose } from './running-worker.ts';
import { repeat } from './repeat.ts';

/** Batches of a graph are large: half a second, right for progress, would give them up. */
const GRAPH_COMMAND_TIMEOUT_MS = 10_000;

/** Everything the transport-graph task queue needs: its stages, the schedule, and the care for the live graph between two builds. */
export async function startTransportGraphWorker(config: Config, logger: Logger): Promise<RunningWorker> {
  const pool = openPostgres(config.postgresUrl, {
    max: 6,
    applicationName: 'fleetgraph transport graph',
    statementTimeoutMs: 600_000,
  });
  const redis = openRedis(config.redisUrl, { commandTimeoutMs: GRAPH_COMMAND_TIMEOUT_MS });
  const temporal = await openTemporal();
  const connection = await connectWorkers();
  const settings = { read: () => readTransportGraphSettings(pool) };
  const faultPoint = createFaultPoint(config.fault);
  const shared = { pool, settings, openBackupStore, heartbeat, cancellationSignal, faultPoint };
  const odata = { ...shared, log: createStageLog(ODATA_SYNC) };
  const virtual = { ...shared, log: createStageLog(VIRTUAL_ENTITIES) };
  const graphs = { ...shared, redis, log: createStageLog(GRAPH_BUILDER) };
  const counted = createCountAttempts({ pool, attempt: () => activityInfo().attempt, cancellationSignal });
  const activities: PipelineActivities & StageActivities & OperatorActivities = {
    ...createStageRecords({ pool, settings }),
    raiseAlert: createRaiseAlert({ pool, settings, logger }),
    syncOdata: counted(odata.log, createSyncOdata(odata)),
    generateVirtualEntities: counted(virtual.log, createGenerateVirtualEntities(virtual)),
    buildGraph: counted(graphs.log, createBuildGraph(graphs)),
    rollbackGraph: (order) => rollbackGraph(graphs, order),
  };
  await reconcileSchedule(temporal.client, await settings.read(), logger);
  const worker = await connection.createWorker({
    taskQueue: TRANSPORT_GRAPH_TASK_QUEUE,
    workflows: WORKFLOW_BUNDLES,
    activities,
    interceptors: { activity: [() => ({ inbound: createActivityFailureInterceptor(logger) })] },
    identity: `${process.pid}@${config.hostname}`,
    // One pipeline at a time has one stage at a time; the rest is for records.
    maxConcurrentActivityTaskExecutions: 10,
    maxHeartbeatThrottleInterval: '3 seconds',
    shutdownGraceTime: '2 seconds',
  });
  const loops = [
    repeat(
      'the care for the live graph',
      async () => (await settings.read()).refillCheckMs,
      () => maintainGraphs(graphs),
      logger,
    ),
    repeat(
      'the search for terminated stages',
      async () => (await settings.read()).lostCheckMs,
      () => settleLostStages(temporal.client, pool),
      logger,
    ),
    repeat(
      'the sweep of backups',
      async () => (await settings.read()).backupSweepMs,
      () => uploadBackups(odata),
      logger,
    ),
  ];
  const close = async (): Promise<void> => {
    await Promise.all(loops.map((loop) => loop.close()));
    redis.disconnect();
    await Promise.all([pool.end(), temporal.close(), connection.close()]);
  };
  return runAndClose(worker, close);
}
