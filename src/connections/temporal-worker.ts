import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { temporalAccess } from './temporal-access.ts';

const FAILURE_CONVERTER = fileURLToPath(new URL('failure-converter.js', import.meta.url));

/** The same workflows twice, made by the build: workflow code can read no environment that tells it whether its failures are to be encrypted. */
export interface WorkflowBundles {
  clear: string;
  /** With failure-converter.ts in it. */
  encrypted: string;
}

export type OurWorkerOptions = Omit<WorkerOptions, 'connection' | 'namespace' | 'dataConverter' | 'workflowBundle'> & {
  /** None: the worker runs activities only. */
  workflows?: WorkflowBundles;
};

export interface WorkerConnection {
  createWorker(options: OurWorkerOptions): Promise<Worker>;
  close(): Promise<void>;
}

/** Where workers of this process come from: they all reach the same server and read and write payloads as every client of ours does. */
export async function connectWorkers(): Promise<WorkerConnection> {
  const { connectionOptions, namespace, keys, codec } = temporalAccess();
  await keys.check();
  // In clear means in our own network, where a core's time is dearer than bytes.
  const grpcCompression = { codec: connectionOptions.tls ? 'gzip' : 'none' } as const;
  const connection = await NativeConnection.connect({ ...connectionOptions, grpcCompression });
  const encrypted = keys.writing !== null;
  return {
    createWorker: ({ workflows, ...options }) =>
      Worker.create({
        ...options,
        connection,
        namespace,
        ...(workflows === undefined
          ? {}
          : { workflowBundle: { codePath: encrypted ? workflows.encrypted : workflows.clear } }),
        dataConverter: { payloadCodecs: [codec], ...(encrypted ? { failureConverterPath: FAILURE_CONVERTER } : {}) },
      }),
    close: () => connection.close(),
  };
}
