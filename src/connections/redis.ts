import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

export interface RedisOptions {
  onError?: (error: Error) => void;
  /** Default: half a second. The graph's batches of a megabyte need more. */
  commandTimeoutMs?: number;
  /** A connection that is silent for this long while a command is under way is replaced, even when TCP still takes it for alive. */
  silenceTimeoutMs?: number;
}

/** A command that is not answered in time fails and is not queued, because everything in Redis can be made again. */
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

/** Waits for the connection, because a command before it fails at once. One that does not come is told by the first command. */
export async function untilReady(redis: Redis, withinMs = 2_000): Promise<void> {
  const until = performance.now() + withinMs;
  while (redis.status !== 'ready' && redis.status !== 'end' && performance.now() < until) await sleep(10);
}
