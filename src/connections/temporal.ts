import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { Failure } from '../errors.ts';
import { temporalAccess } from './temporal-access.ts';

export interface TemporalClient {
  client: Client;
  namespace: string;
  close(): Promise<void>;
}

/**
 * A client of the Temporal server that the environment names, which reads and writes payloads as the workers do.
 *
 * @throws Failure `InvalidConfiguration`, and `TemporalUnavailable` when it does not answer
 * @param options.lazy Connect at the first call: for a process that must start while Temporal is away.
 * @param options.interceptors Of gRPC calls, instead of the SDK's own retry.
 */
export async function openTemporal({
  lazy = false,
  ...more
}: { lazy?: boolean } & Pick<ConnectionOptions, 'interceptors'> = {}): Promise<TemporalClient> {
  const { connectionOptions, namespace, keys, codec } = temporalAccess();
  await keys.check();
  const options = { ...connectionOptions, ...more };
  const connection = lazy ? Connection.lazy(options) : await connect(options);
  return {
    client: new Client({ connection, namespace, dataConverter: { payloadCodecs: [codec] } }),
    namespace,
    close: () => connection.close(),
  };
}

async function connect(options: ConnectionOptions & { address: string }): Promise<Connection> {
  try {
    return await Connection.connect(options);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw new Failure(
      'TemporalUnavailable',
      `Connecting to Temporal at ${options.address}: ${found}. Is it up, and is TEMPORAL_ADDRESS (or the profile of temporal.toml) right?`,
      { cause: error },
    );
  }
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
    // Another worker that started at the same time was first.
    if (!/already exists/i.test(String(error))) throw error;
  }
}
