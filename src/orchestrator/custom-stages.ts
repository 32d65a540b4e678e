import type { Worker } from '@temporalio/worker';
import type pg from 'pg';
import { inTransaction } from '../connections/postgres.ts';
import { type WorkerConnection, connectWorkers } from '../connections/temporal-worker.ts';
import { Failure } from '../errors.ts';
import { registerStage } from '../records/pipeline-stages.ts';
import { TRANSPORT_GRAPH_TASK_QUEUE, isOwnStage } from '../workflows/transport-graph/messages.ts';
import { createRunStage } from './run-custom-stage.ts';
import type { IBackgroundWorker } from './types.ts';

/** Stages that this process runs: each a row of `pipeline_stages` and a worker that polls the stage's own queue. */
export interface CustomStages {
  /** Errors: InvalidConfiguration. */
  add(workerId: string, worker: IBackgroundWorker): void;
  /** Starts what was added and is not registered and polled yet. Resolves with what hindered those that could not be, by id; never rejects. */
  ready(): Promise<ReadonlyMap<string, unknown>>;
  close(): Promise<void>;
}

const customStageQueue = (workerId: string): string => `${TRANSPORT_GRAPH_TASK_QUEUE}.${workerId}`;

export function createCustomStages(postgres: pg.Pool): CustomStages {
  /** Those that poll, and the end of each. */
  const polling = new Map<Worker, Promise<unknown>>();
  // In the order of registration, which is the order in the pipeline.
  const waiting = new Map<string, IBackgroundWorker>();
  let connection: Promise<WorkerConnection> | null = null;
  let starting: Promise<ReadonlyMap<string, unknown>> | null = null;

  const connect = (): Promise<WorkerConnection> => {
    connection ??= connectWorkers().catch((error: unknown) => {
      // The next attempt connects anew.
      connection = null;
      throw error;
    });
    return connection;
  };
  const start = async (workerId: string, stage: IBackgroundWorker): Promise<void> => {
    const { workerName, version } = stage;
    const taskQueue = customStageQueue(workerId);
    await inTransaction(postgres, (client) => registerStage(client, { workerId, workerName, version, taskQueue }));
    const worker = await (await connect()).createWorker({
      taskQueue,
      activities: { runStage: createRunStage(stage, postgres) },
      maxHeartbeatThrottleInterval: '3 seconds',
    });
    const ended = worker
      .run()
      // Its queue or namespace is gone. A rejection that nobody takes would end the program; the next call starts the stage anew.
      .catch(() => waiting.set(workerId, stage))
      .finally(() => polling.delete(worker));
    polling.set(worker, ended);
  };
  /** A stage that fails waits for the next call, and hinders no other stage. */
  const startWaiting = async (): Promise<ReadonlyMap<string, unknown>> => {
    const hindered = new Map<string, unknown>();
    for (const [workerId, stage] of waiting) {
      try {
        await start(workerId, stage);
        waiting.delete(workerId);
      } catch (error) {
        hindered.set(workerId, error);
      }
    }
    return hindered;
  };
  const ready = (): Promise<ReadonlyMap<string, unknown>> => {
    starting ??= startWaiting().finally(() => (starting = null));
    return starting;
  };
  return {
    add(workerId, stage) {
      refuseBadId(workerId);
      waiting.set(workerId, stage);
      void ready();
    },
    ready,
    async close() {
      await starting;
      for (const worker of polling.keys()) if (worker.getState() === 'RUNNING') worker.shutdown();
      await Promise.allSettled(polling.values());
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
