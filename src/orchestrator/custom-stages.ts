import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Worker } from '@temporalio/worker';
import type pg from 'pg';
import { type WorkerConnection, connectWorkers } from '../connections/temporal-worker.ts';
import type { CustomStageActivities, StageOutcome } from '../workflows/transport-graph/activities.ts';
import { TRANSPORT_GRAPH_TASK_QUEUE } from '../workflows/transport-graph/messages.ts';
import type { IBackgroundWorker } from './types.ts';

const HEARTBEAT_MS = 5_000;
const NOTHING = { added: 0, updated: 0, deleted: 0 };

/** Stages that this process runs: each a row of `pipeline_stages` and a worker that polls the stage's own queue. */
export interface CustomStages {
  add(workerId: string, worker: IBackgroundWorker): void;
  /** Resolves when every added stage is registered and polled. @throws why one could not be */
  ready(): Promise<void>;
  close(): Promise<void>;
}

export const customStageQueue = (workerId: string): string => `${TRANSPORT_GRAPH_TASK_QUEUE}.${workerId}`;

export function createCustomStages(postgres: pg.Pool): CustomStages {
  const starting = new Map<string, Promise<Worker>>();
  const running: Promise<void>[] = [];
  let connection: Promise<WorkerConnection> | null = null;

  const start = async (workerId: string, stage: IBackgroundWorker): Promise<Worker> => {
    await register(postgres, workerId, stage);
    connection ??= connectWorkers();
    const worker = await (await connection).createWorker({
      taskQueue: customStageQueue(workerId),
      activities: { runStage: createRunStage(stage) },
    });
    running.push(worker.run());
    return worker;
  };
  return {
    add(workerId, stage) {
      const started = start(workerId, stage);
      // ready() tells it; until then it is nobody's rejection.
      started.catch(() => {});
      starting.set(workerId, started);
    },
    ready: async () => void (await Promise.all(starting.values())),
    async close() {
      const workers = await Promise.allSettled(starting.values());
      for (const worker of workers)
        if (worker.status === 'fulfilled' && worker.value.getState() === 'RUNNING') worker.value.shutdown();
      await Promise.allSettled(running);
      await (await connection)?.close();
    },
  };
}

async function register(
  postgres: pg.Pool,
  workerId: string,
  { workerName, version }: IBackgroundWorker,
): Promise<void> {
  await postgres.query(
    `INSERT INTO pipeline_stages (worker_id, worker_name, version, position, critical, attempts, timeout_ms, task_queue)
     SELECT $1, $2, $3, coalesce(max(position), 0) + 100, false, 2, 600000, $4 FROM pipeline_stages
     ON CONFLICT (worker_id) DO UPDATE SET worker_name = EXCLUDED.worker_name, version = EXCLUDED.version, task_queue = EXCLUDED.task_queue`,
    [workerId, workerName, version, customStageQueue(workerId)],
  );
}

function createRunStage(stage: IBackgroundWorker): CustomStageActivities['runStage'] {
  return async ({ force }): Promise<StageOutcome> => {
    const { cancellationSignal: signal, heartbeat } = withHeartbeat(Context.current());
    try {
      if (!force && (await stage.canRun?.()) === false) {
        return {
          status: 'skipped',
          message: `${stage.workerName}: nothing to do`,
          datasetVersion: null,
          dataProcessed: NOTHING,
        };
      }
      const { message, dataProcessed = NOTHING } = await stage.execute({ signal, force });
      return { status: 'success', message, datasetVersion: null, dataProcessed };
    } catch (error) {
      throw ApplicationFailure.create({
        type: 'CustomStageFailed',
        message: error instanceof Error ? error.message : String(error),
      });
    } finally {
      clearInterval(heartbeat);
    }
  };
}

function withHeartbeat(context: Context): { cancellationSignal: AbortSignal; heartbeat: NodeJS.Timeout } {
  return {
    cancellationSignal: context.cancellationSignal,
    heartbeat: setInterval(() => context.heartbeat(), HEARTBEAT_MS),
  };
}
