import { type DynamicModule, Global, Module } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { Config } from '../config.ts';
import { createProgressStore } from '../records/progress.ts';
import type { Logger } from '../logger.ts';
import { KeyRing } from './auth/key-ring.ts';
import { OpenApi } from './docs/open-api.ts';
import { Audit } from './core/audit.ts';
import { Database } from './core/database.ts';
import { RecentReads } from './core/recent-reads.ts';
import { RedisConnection } from './core/redis-connection.ts';
import { Stopping } from './core/stopping.ts';
import { TemporalGateway } from './core/temporal-gateway.ts';
import { CONFIG, LOGGER, PROGRESS, REDIS } from './core/tokens.ts';

/** Provides what every part of the API needs. */
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
      { provide: RecentReads, useValue: new RecentReads({ recentMs: config.api.recentMs, renewed: true }) },
      Stopping,
    ];
    return { module: CoreModule, providers, exports: providers };
  }
}
