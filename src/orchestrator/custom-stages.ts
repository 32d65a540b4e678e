import type { Worker } from '@temporalio/worker';
import type pg from 'pg';
import { inTransaction } from '../connections/postgres.ts';
import { type WorkerConnection, connectWorkers } from '../connections/temporal-worker.ts';
import { Failure } from '../errors.ts';
import { TRANSPORT_GRAPH_TASK_QUEUE, isOwnStage } from '../workflows/transport-graph/messages.ts';
import { createRunStage } from './run-custom-stage.ts';
import type { IBackgroundWorker } from './types.ts';

/** Stages that this process runs: each a row of `pipeline_stages` and a worker that polls the stage's own queue. */
export interface CustomStages {
  /** Errors: InvalidConfiguration. */
  add(workerId: string, worker: IBackgroundWorker): void;
  /** Resolves when every added stage is registered and polled. Rejects with why one could not be. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

const customStageQueue = (workerId: string): string => `${TRANSPORT_GRAPH_TASK_QUEUE}.${workerId}`;

export function createCustomStages(postgres: pg.Pool): CustomStages {
  const workers: Worker[] = [];
  const running: Promise<void>[] = [];
  let connection: Promise<WorkerConnection> | null = null;
  // One after the other: the order of registration is the order in the pipeline.
  let started: Promise<void> = Promise.resolve();

  const start = async (workerId: string, stage: IBackgroundWorker): Promise<void> => {
    await register(postgres, workerId, stage);
    connection ??= connectWorkers();
    const worker = await (await connection).createWorker({
      taskQueue: customStageQueue(workerId),
      activities: { runStage: createRunStage(stage) },
      maxHeartbeatThrottleInterval: '3 seconds',
    });
    workers.push(worker);
    running.push(worker.run());
  };
  return {
    add(workerId, stage) {
      refuseBadId(workerId);
      started = started.then(() => start(workerId, stage));
      // ready() tells it; until then it is nobody's rejection.
      started.catch(() => {});
    },
    ready: () => started,
    async close() {
      await started.catch(() => {});
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await Promise.allSettled(running);
      await (await connection)?.close();
    },
  };
}

function refuseBadId(workerId: string): void {
  if (isOwnStage(workerId)) {
    throw new Failure(
      'InvalidConfiguration',
      `Registering the worker ${workerId}: this is a stage of fleetgraph itself, which \`fleetgraph worker\` runs. Choose another id.`,
    );
  }
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(workerId)) {
    throw new Failure(
      'InvalidConfiguration',
      `Registering the worker "${workerId}": an id has lower-case letters, digits and dashes, at most 63.`,
    );
  }
}

/** Behind every stage there is, whoever registers at the same time; one that is known keeps its place and what an operator changed. */
async function register(
  postgres: pg.Pool,
  workerId: string,
  { workerName, version }: IBackgroundWorker,
): Promise<void> {
  await inTransaction(postgres, async (client) => {
    await client.query('LOCK TABLE pipeline_stages IN SHARE ROW EXCLUSIVE MODE');
    await client.query(
      `INSERT INTO pipeline_stages (worker_id, worker_name, version, position, critical, attempts, timeout_ms, task_queue)
       SELECT $1, $2, $3, coalesce(max(position), 0) + 100, false, 2, 600000, $4 FROM pipeline_stages
       ON CONFLICT (worker_id) DO UPDATE SET worker_name = EXCLUDED.worker_name, version = EXCLUDED.version, task_queue = EXCLUDED.task_queue`,
      [workerId, workerName, version, customStageQueue(workerId)],
    );
  });
}
