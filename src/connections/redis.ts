import { Redis } from 'ioredis';

export interface RedisOptions {
  onError?: (error: Error) => void;
  /** Half a second unless said: the graph's batches of a megabyte need more. */
  commandTimeoutMs?: number;
  /** A connection that has been silent for so long with a command under way is dead, whatever TCP believes: it is made anew. */
  silenceTimeoutMs?: number;
}

/** A command that cannot be answered in time is given up, never queued: Redis holds nothing that could not be made again. */
export function openRedis(url: string, options: RedisOptions = {}): Redis {
  const redis = new Redis(url, {
    commandTimeout: options.commandTimeoutMs ?? 500,
    connectTimeout: 2_000,
    ...(options.silenceTimeoutMs === undefined ? {} : { socketTimeout: options.silenceTimeoutMs }),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 200, 2_000),
  });
  // Without a listener ioredis prints every failed reconnect to the console.
  redis.on('error', (error: Error) => options.onError?.(error));
  return redis;
}
