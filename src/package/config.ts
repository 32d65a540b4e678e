import type { Redis } from 'ioredis';
import type pg from 'pg';
import { loadConfig } from '../config.ts';
import { openPostgres } from '../connections/postgres.ts';
import { openRedis } from '../connections/redis.ts';

let pool: pg.Pool | null = null;
let redis: Redis | null = null;

/** The connections of a program that has none of its own, made once, by FLEETGRAPH_POSTGRES_URL and FLEETGRAPH_REDIS_URL. */
export const DatabaseConfig = {
  getPool: (): pg.Pool =>
    (pool ??= openPostgres(loadConfig().postgresUrl, { max: 4, applicationName: 'fleetgraph embedded' })),
};

export const RedisConfig = {
  getClient: (): Redis => (redis ??= openRedis(loadConfig().redisUrl)),
};
