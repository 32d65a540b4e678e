import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export interface Listener {
  close(): Promise<void>;
}

export interface ListenOptions {
  channel: string;
  onPayload: (payload: string) => void;
  /** Called each time LISTEN takes effect: earlier notifications were missed, so the caller should look now. */
  onListening?: () => void;
  /** Called when the connection is lost; a new one is opened. */
  onDisconnected?: () => void;
  onError?: (error: Error) => void;
  reconnectMs?: number;
  /** How often the server is asked whether it is there. A connection that has gone without a word only looks like one without news. */
  askMs?: number;
  /** Longest wait for that answer, and for the one to LISTEN. */
  answerMs?: number;
}

/**
 * Listens for PostgreSQL's NOTIFY on a connection of its own, which it opens again whenever it is lost. Resolves when LISTEN takes effect for
 * the first time; rejects when the first connection fails.
 */
export async function listen(url: string, options: ListenOptions): Promise<Listener> {
  const closing = new AbortController();
  let current = await connect(url, options);
  const ended = (async () => {
    while (!closing.signal.aborted) {
      await current.gone;
      current = await reconnect(url, options, { closing: closing.signal, last: current });
    }
  })();
  return {
    async close() {
      closing.abort();
      await current.client.end().catch(() => undefined);
      await ended;
    },
  };
}

interface Connected {
  client: pg.Client;
  gone: Promise<void>;
}

async function connect(url: string, options: ListenOptions): Promise<Connected> {
  const client = new pg.Client({
    connectionString: url,
    application_name: `fleetgraph listen ${options.channel}`,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: 10_000,
    query_timeout: options.answerMs ?? 10_000,
  });
  client.on('error', (error) => options.onError?.(error));
  client.on('notification', (message) => {
    if (message.channel === options.channel) options.onPayload(message.payload ?? '');
  });
  const gone = new Promise<void>((resolve) =>
    client.once('end', () => {
      options.onDisconnected?.();
      resolve();
    }),
  );
  try {
    await client.connect();
    await client.query(`LISTEN ${pg.escapeIdentifier(options.channel)}`);
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  const asking = setInterval(() => {
    client.query('SELECT 1').catch((error: Error) => {
      options.onError?.(error);
      void client.end().catch(() => undefined);
    });
  }, options.askMs ?? 30_000).unref();
  void gone.then(() => clearInterval(asking));
  options.onListening?.();
  return { client, gone };
}

async function reconnect(
  url: string,
  options: ListenOptions,
  { closing, last }: { closing: AbortSignal; last: Connected },
): Promise<Connected> {
  while (!closing.aborted) {
    await sleep(options.reconnectMs ?? 500, undefined, { signal: closing }).catch(() => undefined);
    if (closing.aborted) return last;
    try {
      const connected = await connect(url, options);
      // close() during the connect has ended the old client only.
      if (closing.aborted) await connected.client.end().catch(() => undefined);
      return connected;
    } catch (error) {
      options.onError?.(error instanceof Error ? error : new Error(String(error)));
    }
  }
  return last;
}
