import type { Redis } from 'ioredis';

export interface RedisMemory {
  /** maxmemory-policy; `unknown` where the server will not say. */
  policy: string;
  usedBytes: number;
  /** 0: no limit. */
  maxBytes: number;
}

/** Reads INFO, because managed servers forbid CONFIG. */
export async function readRedisMemory(redis: Redis): Promise<RedisMemory> {
  const info = await redis.info('memory');
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  return {
    policy: field('maxmemory_policy') ?? 'unknown',
    usedBytes: Number(field('used_memory') ?? 0),
    maxBytes: Number(field('maxmemory') ?? 0),
  };
}

/** Whether the server's policy may silently remove keys without an expiry, such as those of the live graph. */
export const mayEvictGraph = ({ policy }: Pick<RedisMemory, 'policy'>): boolean => policy.startsWith('allkeys');
