import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { temporalAccess } from './temporal-access.ts';

const FAILURE_CONVERTER = fileURLToPath(new URL('failure-converter.js', import.meta.url));

/** The build bundles the workflows twice, because workflow code cannot read from the environment whether its failures are to be encrypted. */
export interface WorkflowBundles {
  clear: string;
  /** With failure-converter.ts in it. */
  encrypted: string;
}

export type OurWorkerOptions = Omit<WorkerOptions, 'connection' | 'namespace' | 'dataConverter' | 'workflowBundle'> & {
  /** Absent: the worker runs activities only. */
  workflows?: WorkflowBundles;
};

export interface WorkerConnection {
  createWorker(options: OurWorkerOptions): Promise<Worker>;
  close(): Promise<void>;
}

/** The connection that all workers of this process use; they read and write payloads as our clients do. */
export async function connectWorkers(): Promise<WorkerConnection> {
  const { connectionOptions, namespace, keys, codec } = temporalAccess();
  await keys.check();
  // Without TLS the server is in our own network, where CPU time costs more than bytes.
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
