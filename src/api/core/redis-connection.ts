import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { Config } from '../../config.ts';
import { openRedis } from '../../connections/redis.ts';
import type { Logger } from '../../logger.ts';
import { CONFIG, LOGGER } from './tokens.ts';

/** Redis answers in milliseconds. A connection that is silent for less than this is kept, because Redis may only pause. */
export const SILENCE_MS = 2_000;

/** A connection that answers within half a second, and fails at once while Redis is away. */
@Injectable()
export class RedisConnection implements OnApplicationShutdown {
  readonly redis: Redis;

  constructor(@Inject(CONFIG) config: Config, @Inject(LOGGER) logger: Logger) {
    let away = false;
    this.redis = openRedis(config.redisUrl, {
      silenceTimeoutMs: SILENCE_MS,
      onError: (error) => {
        // The connection is tried again every two seconds, but one warning is enough.
        if (!away) logger.warn({ err: error }, 'Redis is away');
        away = true;
      },
    });
    this.redis.on('ready', () => (away = false));
  }

  onApplicationShutdown(): void {
    this.redis.disconnect();
  }
}
