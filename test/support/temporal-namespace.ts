import { Client, Connection } from '@temporalio/client';
import { eventually } from './eventually.ts';

const A_DAY_SECONDS = 86_400;

export interface TestNamespace {
  namespace: string;
  client: Client;
  close(): Promise<void>;
}

/** A Temporal namespace of the test's own: the server is shared, and workers always poll the same task queue. */
export async function createNamespace(address: string, namespace: string): Promise<TestNamespace> {
  const connection = await Connection.connect({ address });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: A_DAY_SECONDS as never },
  });
  const client = new Client({ connection, namespace });
  // Registered is not yet known to every part of the server.
  await eventually(() => client.workflow.count(), { withinMs: 20_000, everyMs: 100 });
  return { namespace, client, close: () => connection.close() };
}
