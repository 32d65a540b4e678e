import { Client, Connection } from '@temporalio/client';
import { eventually } from './eventually.ts';

const A_DAY_SECONDS = 86_400;

export interface TestNamespace {
  namespace: string;
  client: Client;
  close(): Promise<void>;
}

/** Makes a Temporal namespace for one test, because the server is shared and workers always poll the same task queue. */
export async function createNamespace(address: string, namespace: string): Promise<TestNamespace> {
  const connection = await Connection.connect({ address });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: A_DAY_SECONDS as never },
  });
  const client = new Client({ connection, namespace });
  // A new namespace is not known to every part of the server at once.
  await eventually(() => client.workflow.count(), { withinMs: 20_000, everyMs: 100 });
  return { namespace, client, close: () => connection.close() };
}
