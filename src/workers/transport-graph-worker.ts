import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type pg from 'pg';
import { createActivityFailureInterceptor } from '../activities/activity-failures.ts';
import { openBackupStore } from '../activities/transport-graph/backup-store.ts';
import { createBuildGraph } from '../activities/transport-graph/graph-builder/build-graph.ts';
import type { GraphBuilderDependencies } from '../activities/transport-graph/graph-builder/graph-builder-context.ts';
import { rollbackGraph } from '../activities/transport-graph/graph-builder/rollback-graph.ts';
import { maintainGraphs } from '../activities/transport-graph/graph-builder/maintain-graphs.ts';
import { type SyncOdataDependencies, createSyncOdata } from '../activities/transport-graph/odata-sync/sync-odata.ts';
import { uploadBackups } from '../activities/transport-graph/odata-sync/upload-backups.ts';
import { createCountAttempts } from '../activities/transport-graph/count-attempts.ts';
import { createFollowStage } from '../activities/transport-graph/follow-stage.ts';
import { createDeliverAlert } from '../activities/alerts/deliver-alert.ts';
import { createRecoveryWatch } from '../activities/alerts/pipeline-recoveries.ts';
import { createStageRecords } from '../activities/transport-graph/stage-records.ts';
import { createStageLog } from '../activities/transport-graph/stage-log.ts';
import { createGenerateVirtualEntities } from '../activities/transport-graph/virtual-entities/generate-virtual-entities.ts';
import type { Config } from '../config.ts';
import { settleLostStages } from '../records/lost-stages.ts';
import { openPostgres } from '../connections/postgres.ts';
import { openRedis } from '../connections/redis.ts';
import { openTemporal } from '../connections/temporal.ts';
import { connectWorkers } from '../connections/temporal-worker.ts';
import type { Logger } from '../logger.ts';
import type { AlertDelivery } from '../records/alerts.ts';
import { GRAPH_COMMAND_TIMEOUT_MS } from '../graph-store/graph-store.ts';
import { readTransportGraphSettings } from '../records/settings.ts';
import type { TransportGraphSettings } from '../settings/transport-graph.ts';
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
import { createRememberedSettings } from './remembered-settings.ts';
import { type Repeated, repeat } from './repeat.ts';

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
  const settings = createRememberedSettings(() => readTransportGraphSettings(pool));
  const faultPoint = createFaultPoint(config.fault);
  const shared = { pool, settings, openBackupStore, heartbeat, cancellationSignal, faultPoint };
  const odata = { ...shared, log: createStageLog(ODATA_SYNC), timeLeftMs: timeLeftOfAttempt };
  const virtual = { ...shared, log: createStageLog(VIRTUAL_ENTITIES) };
  const graphs = { ...shared, redis, log: createStageLog(GRAPH_BUILDER) };
  const counted = createCountAttempts({ pool, attempt: () => activityInfo().attempt, cancellationSignal });
  const activities: PipelineActivities & StageActivities & OperatorActivities = {
    ...createStageRecords({ pool, temporal: temporal.client, settings }),
    followStage: createFollowStage(temporal.client),
    raiseAlert: createDeliverAlert({
      pool,
      settings,
      logger,
      // Kept by Temporal with the activity, so that another worker's attempt has it.
      toldBefore: () => (activityInfo().heartbeatDetails as AlertDelivery | undefined) ?? null,
      keepTold: heartbeat,
    }),
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
  const loops = startCare({ pool, settings, temporal: temporal.client, graphs, odata, logger });
  const close = async (): Promise<void> => {
    await Promise.all(loops.map((loop) => loop.close()));
    redis.disconnect();
    await Promise.all([pool.end(), temporal.close(), connection.close()]);
  };
  return runAndClose(worker, close);
}

interface Care {
  pool: pg.Pool;
  settings: { read(): Promise<TransportGraphSettings>; last(): TransportGraphSettings | null };
  temporal: Client;
  graphs: GraphBuilderDependencies;
  odata: SyncOdataDependencies;
  logger: Logger;
}

/** What a worker looks after between two runs. */
function startCare({ pool, settings, temporal, graphs, odata, logger }: Care): Repeated[] {
  const every = (what: string, wait: CareInterval, work: () => Promise<unknown>): Repeated =>
    repeat({ what, waitMs: async () => (await settings.read())[wait], work, logger });
  return [
    every('the care for the live graph', 'refillCheckMs', () => maintainGraphs(graphs)),
    every('the care for the schedule', 'lostCheckMs', async () =>
      reconcileSchedule(temporal, await settings.read(), logger),
    ),
    every('the search for terminated stages', 'lostCheckMs', () => settleLostStages(temporal, pool)),
    every(
      'the watch for alerts that are over',
      'lostCheckMs',
      createRecoveryWatch({ pool, logger, channels: settings }),
    ),
    every('the sweep of backups', 'backupSweepMs', () => uploadBackups(odata)),
  ];
}
type CareInterval = 'refillCheckMs' | 'lostCheckMs' | 'backupSweepMs';

/** How long an attempt that begins now has: until its own end, or that of the whole execution with its waits, whichever comes first. */
function timeLeftOfAttempt(): number {
  const info = activityInfo();
  const ofExecution = info.scheduledTimestampMs + info.scheduleToCloseTimeoutMs - Date.now();
  return Math.min(info.startToCloseTimeoutMs, ofExecution);
}
