import { type DynamicModule, Global, Module } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { Config } from '../../config.ts';
import { createProgressStore } from '../../connections/progress.ts';
import type { Logger } from '../../logger.ts';
import { KeyRing } from '../auth/key-ring.ts';
import { OpenApi } from '../docs/open-api.ts';
import { Audit } from './audit.ts';
import { Database } from './database.ts';
import { RecentReads } from './recent-reads.ts';
import { RedisConnection } from './redis-connection.ts';
import { Stopping } from './stopping.ts';
import { TemporalGateway } from './temporal-gateway.ts';
import { CONFIG, LOGGER, PROGRESS, REDIS } from './tokens.ts';

/** What every part of the API stands on. */
@Global()
@Module({})
export class CoreModule {
  static with(config: Config, logger: Logger): DynamicModule {
    const providers = [
      { provide: CONFIG, useValue: config },
      { provide: LOGGER, useValue: logger },
      RedisConnection,
      { provide: REDIS, useFactory: ({ redis }: RedisConnection) => redis, inject: [RedisConnection] },
      { provide: PROGRESS, useFactory: (redis: Redis) => createProgressStore(redis), inject: [REDIS] },
      Database,
      { provide: TemporalGateway, useFactory: () => TemporalGateway.open(logger) },
      Audit,
      KeyRing,
      OpenApi,
      RecentReads,
      Stopping,
    ];
    return { module: CoreModule, providers, exports: providers };
  }
}
