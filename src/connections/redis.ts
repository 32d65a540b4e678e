import { Redis } from 'ioredis';

export interface RedisOptions {
  onError?: (error: Error) => void;
}

/** Redis holds live progress only: a command that cannot be answered within half a second is given up, never queued. */
export function openRedis(url: string, options: RedisOptions = {}): Redis {
  const redis = new Redis(url, {
    commandTimeout: 500,
    connectTimeout: 2_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 200, 2_000),
  });
  // Without a listener ioredis prints every failed reconnect to the console.
  redis.on('error', (error: Error) => options.onError?.(error));
  return redis;
}
