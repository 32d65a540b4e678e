import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { sharedStack } from './stack.ts';

export const WORKFLOW_BUNDLE = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));

let installed = false;

export interface TestWorker {
  client: Client;
  taskQueue: string;
  /** Makes a workflow id unique, because the server is shared. */
  id(name: string): string;
  run<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Makes a worker with these activities for one test: on the shared Temporal server, with a task queue of its own. */
export async function createTestWorker(
  activities: object,
  address: string = sharedStack().temporal.address,
): Promise<TestWorker> {
  if (!installed) {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    installed = true;
  }
  const suffix = randomBytes(4).toString('hex');
  const taskQueue = `test-${suffix}`;
  const connection = await NativeConnection.connect({ address });
  const clientConnection = await Connection.connect({ address });
  const worker = await Worker.create({
    connection,
    taskQueue,
    activities,
    workflowBundle: { codePath: WORKFLOW_BUNDLE },
    maxHeartbeatThrottleInterval: '100 milliseconds',
    defaultHeartbeatThrottleInterval: '100 milliseconds',
  });
  return {
    client: new Client({ connection: clientConnection }),
    taskQueue,
    id: (name) => `${name}-${suffix}`,
    run: (work) => worker.runUntil(work()),
    close: async () => {
      await clientConnection.close();
      await connection.close();
    },
  };
}

/** What a workflow says of itself, as `temporal workflow metadata` shows it. */
export async function currentDetails(run: WorkflowHandle): Promise<string> {
  const { currentDetails: told } = await run.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return told ?? '';
}
