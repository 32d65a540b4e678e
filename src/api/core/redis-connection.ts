import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { Config } from '../../config.ts';
import { openRedis } from '../../connections/redis.ts';
import type { Logger } from '../../logger.ts';
import { CONFIG, LOGGER } from './tokens.ts';

/** Answers come in milliseconds; a Redis that only pauses for a moment keeps its connection. */
export const SILENCE_MS = 2_000;

/** An answer within half a second, or an error at once while Redis is away. */
@Injectable()
export class RedisConnection implements OnApplicationShutdown {
  readonly redis: Redis;

  constructor(@Inject(CONFIG) config: Config, @Inject(LOGGER) logger: Logger) {
    let away = false;
    this.redis = openRedis(config.redisUrl, {
      silenceTimeoutMs: SILENCE_MS,
      onError: (error) => {
        // Told once: it is tried again every two seconds.
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
