import type { Redis } from 'ioredis';

export interface RedisMemory {
  /** maxmemory-policy; `unknown` where the server will not say. */
  policy: string;
  usedBytes: number;
  /** 0: no limit. */
  maxBytes: number;
}

/** Managed servers forbid CONFIG; INFO says the same. */
export async function readRedisMemory(redis: Redis): Promise<RedisMemory> {
  const info = await redis.info('memory');
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  return {
    policy: field('maxmemory_policy') ?? 'unknown',
    usedBytes: Number(field('used_memory') ?? 0),
    maxBytes: Number(field('maxmemory') ?? 0),
  };
}

/** Such a policy takes keys without an expiry too: the live graph's, without a word. */
export const mayEvictGraph = ({ policy }: Pick<RedisMemory, 'policy'>): boolean => policy.startsWith('allkeys');
