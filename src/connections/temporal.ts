import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

const DEFAULT_ADDRESS = '127.0.0.1:7233';

/** Where the Temporal server is, as the `temporal` CLI reads it too: temporal.toml, then TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, … */
export function temporalAddress(): {
  connectionOptions: ReturnType<typeof loadClientConnectConfig>['connectionOptions'];
  namespace: string;
} {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  return { connectionOptions: { address: DEFAULT_ADDRESS, ...connectionOptions }, namespace: namespace ?? 'default' };
}

export interface TemporalClient {
  client: Client;
  namespace: string;
  close(): Promise<void>;
}

export async function openTemporal(): Promise<TemporalClient> {
  const { connectionOptions, namespace } = temporalAddress();
  const connection = await Connection.connect(connectionOptions);
  return {
    client: new Client({ connection, namespace }),
    namespace,
    close: () => connection.close(),
  };
}

/** A workflow that names an unregistered search attribute could never start, so every worker registers ours at its start. */
export async function ensureSearchAttributes(
  { client, namespace }: TemporalClient,
  wanted: readonly { name: string; type: 'KEYWORD' | 'INT' }[],
): Promise<void> {
  const { operatorService } = client.connection;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = wanted.filter(({ name }) => !(name in (customAttributes ?? {})));
  if (missing.length === 0) return;
  const INDEXED_VALUE_TYPE = { KEYWORD: 2, INT: 3 } as const;
  try {
    await operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map(({ name, type }) => [name, INDEXED_VALUE_TYPE[type]])),
    });
  } catch (error) {
    // Two workers starting at once: the other one was first.
    if (!/already exists/i.test(String(error))) throw error;
  }
}
