import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { Failure } from '../errors.ts';
import { GRAPH_POINTER, GRAPH_VERSIONS, type GraphKeys, graphKeys } from './graph-keys.ts';
import { inBatches } from './key-batches.ts';
import { loadGraph } from './load-graph.ts';
import { holdsContent, isWholeVersion, readContent, readLiveVersion } from './read-version.ts';
import type { GraphManifest, StoredBytes, StoredContent } from './stored-content.ts';
import { namingRedisFailures } from '../connections/redis-errors.ts';
import { type RedisMemory, readRedisMemory } from '../connections/redis-memory.ts';

/** `already`: an earlier call, whose answer was lost, has switched. `stale`: the pointer is not the expected one. */
export type SwitchResult = 'switched' | 'already' | 'stale' | 'incomplete';

/** The command timeout for connections that carry whole graphs: their batches are large, and half a second, right for progress, would give them up. */
export const GRAPH_COMMAND_TIMEOUT_MS = 10_000;

/** Graph versions in Redis. Every method throws RedisUnavailable, RedisOutOfMemory or RedisRefused. */
export interface GraphStore {
  pointer(): Promise<string | null>;
  /** Puts the manifest, then everything else in batches. Readers do not see the version yet. */
  load(version: string, manifest: GraphManifest, content: StoredBytes, signal?: AbortSignal): Promise<void>;
  /** Everything that is stored of a version, or null when any part of it is missing. */
  read(version: string): Promise<StoredContent | null>;
  /** Whether the version holds exactly this content. */
  holds(version: string, content: StoredBytes): Promise<boolean>;
  /** Whether the version has all its keys. It reads no texts, so it can be called every minute. */
  isWhole(version: string, nodes: number): Promise<boolean>;
  /** Moves the pointer in one step if it is still `expected`. Asks again when the answer is lost. */
  switchTo(expected: string | null, version: string, nodes: number): Promise<SwitchResult>;
  /** Removes a version; may be repeated. It must not be the version that readers get. */
  remove(version: string): Promise<void>;
  /** Versions that may have keys, with the time (ms) at which they were begun or left by readers. */
  versions(): Promise<{ version: string; since: number }[]>;
  memory(): Promise<RedisMemory>;
}

export interface GraphStoreOptions {
  /** Puts all keys of a version into one slot, for Redis Cluster. */
  keyTag?: boolean;
  /** Number of keys in a command of a load. The default is KEYS_PER_COMMAND, which all other commands use. */
  keysPerCommand?: number;
  /** How long to repeat a switch whose outcome is unknown. */
  switchPatienceMs?: number;
}

const SWITCH_PAUSE_MS = 250;

/** Without a key tag only: KEYS[2], the set of nodes. With a tag it would be in another slot than the pointer. */
const SWITCH = `
local current = redis.call('GET', KEYS[1]) or ''
if current == ARGV[2] then return 'already' end
if current ~= ARGV[1] then return 'stale' end
if KEYS[2] and redis.call('SCARD', KEYS[2]) ~= tonumber(ARGV[3]) then return 'incomplete' end
redis.call('SET', KEYS[1], ARGV[2])
return 'switched'`;

export function createGraphStore(redis: Redis, options: GraphStoreOptions = {}): GraphStore {
  const tag = options.keyTag ?? false;
  const keysOf = (version: string) => graphKeys(version, tag);

  async function switchOnce(expected: string | null, version: string, nodes: number): Promise<SwitchResult> {
    const keys = tag ? [GRAPH_POINTER] : [GRAPH_POINTER, keysOf(version).nodes];
    const parameters = [expected ?? '', version, String(nodes)];
    return (await redis.eval(SWITCH, keys.length, ...keys, ...parameters)) as SwitchResult;
  }

  return {
    pointer: () => namingRedisFailures('Reading the live graph version', () => readLiveVersion(redis)),
    load: (version, manifest, content, signal) =>
      namingRedisFailures(`Loading ${version}`, async () => {
        if (!tag) await refuseCluster(redis, version);
        await redis.zadd(GRAPH_VERSIONS, Date.now(), version);
        await loadGraph(redis, keysOf(version), { manifest, content, keysPerCommand: options.keysPerCommand, signal });
      }).catch((error: unknown) => {
        // A cancellation is not a failure of Redis.
        signal?.throwIfAborted();
        throw error;
      }),
    read: (version) => namingRedisFailures(`Reading ${version}`, () => readContent(redis, keysOf(version))),
    holds: (version, content) =>
      namingRedisFailures(`Verifying ${version}`, () => holdsContent(redis, keysOf(version), content)),
    isWhole: (version, nodes) =>
      namingRedisFailures(`Checking ${version}`, () => isWholeVersion(redis, keysOf(version), nodes)),
    switchTo: (expected, version, nodes) =>
      untilAnswered(options.switchPatienceMs ?? 10_000, () =>
        namingRedisFailures(`Switching to ${version}`, async () => {
          const result = await switchOnce(expected, version, nodes);
          // Readers may still have the old version pinned. Their grace period begins now.
          if (expected !== null) await redis.zadd(GRAPH_VERSIONS, 'XX', String(Date.now()), expected);
          return result;
        }),
      ),
    remove: (version) =>
      namingRedisFailures(`Removing ${version}`, () => removeVersion(redis, keysOf(version), version)),
    versions: () =>
      namingRedisFailures('Listing graph versions', async () => {
        const flat = await redis.zrange(GRAPH_VERSIONS, 0, '-1', 'WITHSCORES');
        return Array.from({ length: flat.length / 2 }, (_, i) => ({
          version: flat[2 * i]!,
          since: Number(flat[2 * i + 1]),
        }));
      }),
    memory: () => namingRedisFailures('Asking Redis for its eviction policy', () => readRedisMemory(redis)),
  };
}

/** Removes the manifest first, because readers check it. Removes the set of nodes last, because a repeated call finds the remaining keys by it. */
async function removeVersion(redis: Redis, keys: GraphKeys, version: string): Promise<void> {
  await redis.unlink(keys.meta);
  const stopIds = await redis.smembers(keys.nodes);
  for (const batch of inBatches(stopIds)) {
    await redis.unlink(...batch.flatMap((stopId) => [keys.node(stopId), keys.neighbors(stopId)]));
  }
  await redis.unlink(keys.nodes);
  await redis.zrem(GRAPH_VERSIONS, version);
}

/** Runs before anything is written: on a Redis Cluster, half of an untagged version could be neither loaded nor removed. */
async function refuseCluster(redis: Redis, version: string): Promise<void> {
  if (!/^cluster_enabled:1/m.test(await redis.info('cluster'))) return;
  throw new Failure(
    'RedisRefused',
    `Loading ${version}: this is a Redis Cluster, where a version's keys must share a slot. Set transport_graph.graph.key_tag to true.`,
  );
}

async function untilAnswered<T>(patienceMs: number, ask: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'RedisUnavailable' || Date.now() >= deadline) throw error;
      await sleep(SWITCH_PAUSE_MS);
    }
  }
}
