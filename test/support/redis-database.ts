import { Redis } from 'ioredis';

export interface RedisDatabase {
  url: string;
  redis: Redis;
  release(): Promise<void>;
}

/** The first one is the fleets', whose keys have the run's id. */
const FIRST = 1;
const DATABASES = 64;

/** A Redis database that no other test uses, because the keys of a graph have fixed names and test files run side by side. */
export async function takeRedisDatabase(url: string): Promise<RedisDatabase> {
  const own = await reserveRedisDatabase(url);
  const redis = new Redis(own);
  const release = async (): Promise<void> => {
    await redis.flushdb();
    redis.disconnect();
    await atRegistry(url, (registry) => registry.del(markOf(own)));
  };
  return { url: own, redis, release };
}

/** The address of such a database, which is nobody else's until the server ends. */
export const reserveRedisDatabase = (url: string): Promise<string> =>
  atRegistry(url, async (registry) => {
    for (let number = FIRST; number < DATABASES; number++) {
      const own = `${url}/${number}`;
      if ((await registry.set(markOf(own), process.pid, 'NX')) === null) continue;
      return own;
    }
    throw new Error('Every database of the shared Redis is in use: more tests at once than it has numbers.');
  });

const markOf = (url: string): string => `test-database:${url.slice(url.lastIndexOf('/') + 1)}`;

async function atRegistry<T>(url: string, use: (registry: Redis) => Promise<T>): Promise<T> {
  const registry = new Redis(url);
  try {
    return await use(registry);
  } finally {
    registry.disconnect();
  }
}
