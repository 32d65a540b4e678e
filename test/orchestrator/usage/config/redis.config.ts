import { Redis } from 'ioredis';

let redis: Redis | null = null;

/** As an embedding program may have it. */
export const RedisConfig = {
  getClient: (): Redis => (redis ??= new Redis(process.env.FLEETGRAPH_REDIS_URL ?? '')),
};
