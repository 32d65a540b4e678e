import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { Failure } from '../errors.ts';
import { GRAPH_POINTER, GRAPH_VERSIONS, graphKeys } from './graph-keys.ts';
import { loadGraph } from './graph-load.ts';
import { namingRedisFailures } from './redis-errors.ts';
import { type RedisMemory, readRedisMemory } from './redis-memory.ts';

/** JSON texts by stop: `nodes[i]` and `neighbors[i]` belong to `stopIds[i]`; ids ascend in code units. */
export interface StoredContent {
  stopIds: string[];
  nodes: string[];
  neighbors: string[];
}

export interface GraphManifest {
  nodes: number;
  edges: number;
  sha256: string;
  datasetVersion: string;
  fingerprint: string;
}

/** `already`: an earlier call whose answer was lost has done it. `stale`: the pointer is not the expected one. */
export type SwitchResult = 'switched' | 'already' | 'stale' | 'incomplete';

/** Graph versions in Redis. Every method throws RedisUnavailable, RedisOutOfMemory or RedisRefused. */
export interface GraphStore {
  pointer(): Promise<string | null>;
  /** Puts the manifest, then everything else in batches. Nothing of it is visible to readers. */
  load(version: string, manifest: GraphManifest, content: StoredContent, signal?: AbortSignal): Promise<void>;
  /** Everything that is stored of a version, or null when any part of it is missing. */
  read(version: string): Promise<StoredContent | null>;
  /** The same question without the texts: cheap enough to ask every minute. */
  isWhole(version: string, nodes: number): Promise<boolean>;
  /** Moves the pointer in one step if it still is `expected`. Asks again when the answer is lost. */
  switchTo(expected: string | null, version: string, nodes: number): Promise<SwitchResult>;
  /** Removes a version; may be repeated. It must not be the one readers are sent to. */
  remove(version: string): Promise<void>;
  /** Versions that may have keys, with the time (ms) they were begun or left by readers. */
  versions(): Promise<{ version: string; since: number }[]>;
  memory(): Promise<RedisMemory>;
}

export interface GraphStoreOptions {
  /** One slot per version, for Redis Cluster. */
  keyTag?: boolean;
  /** 500 unless said: large enough to forget the round trip, small enough to stay far below a second. */
  keysPerCommand?: number;
  /** How long a switch whose outcome is unknown is asked for again. */
  switchPatienceMs?: number;
}

const KEYS_PER_COMMAND = 500;
const SWITCH_PAUSE_MS = 250;

/** KEYS[2], the set of nodes, is absent with a key tag: it would be of another slot than the pointer. */
const SWITCH = `
local current = redis.call('GET', KEYS[1]) or ''
if current == ARGV[2] then return 'already' end
if current ~= ARGV[1] then return 'stale' end
if KEYS[2] and redis.call('SCARD', KEYS[2]) ~= tonumber(ARGV[3]) then return 'incomplete' end
redis.call('SET', KEYS[1], ARGV[2])
return 'switched'`;

export function createGraphStore(redis: Redis, options: GraphStoreOptions = {}): GraphStore {
  const tag = options.keyTag ?? false;
  const keysPerCommand = options.keysPerCommand ?? KEYS_PER_COMMAND;
  const keysOf = (version: string) => graphKeys(version, tag);

  async function switchOnce(expected: string | null, version: string, nodes: number): Promise<SwitchResult> {
    const keys = tag ? [GRAPH_POINTER] : [GRAPH_POINTER, keysOf(version).nodes];
    const parameters = [expected ?? '', version, String(nodes)];
    return (await redis.eval(SWITCH, keys.length, ...keys, ...parameters)) as SwitchResult;
  }

  return {
    pointer: () => namingRedisFailures('Reading the live graph version', () => redis.get(GRAPH_POINTER)),
    load: (version, manifest, content, signal) =>
      namingRedisFailures(`Loading ${version}`, async () => {
        if (!tag) await refuseCluster(redis, version);
        await redis.zadd(GRAPH_VERSIONS, Date.now(), version);
        await loadGraph(redis, keysOf(version), manifest, content, { keysPerCommand, ...(signal ? { signal } : {}) });
      }).catch((error: unknown) => {
        // A cancellation is nothing that Redis did.
        signal?.throwIfAborted();
        throw error;
      }),
    read: (version) => namingRedisFailures(`Reading ${version}`, () => readContent(redis, keysOf(version))),
    isWhole: (version, nodes) =>
      namingRedisFailures(`Checking ${version}`, async () => {
        const keys = keysOf(version);
        const stopIds = await redis.smembers(keys.nodes);
        if (stopIds.length !== nodes || (await redis.exists(keys.meta)) === 0) return false;
        const wanted = stopIds.flatMap((stopId) => [keys.node(stopId), keys.neighbors(stopId)]);
        const found = await Promise.all(inBatches(wanted).map((batch) => redis.exists(...batch)));
        return found.reduce((sum, each) => sum + each, 0) === wanted.length;
      }),
    switchTo: (expected, version, nodes) =>
      untilAnswered(options.switchPatienceMs ?? 10_000, () =>
        namingRedisFailures(`Switching to ${version}`, async () => {
          const result = await switchOnce(expected, version, nodes);
          // Readers that pinned the version that was left have a grace period from now on.
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

function inBatches<T>(items: readonly T[], size = KEYS_PER_COMMAND): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

async function readContent(redis: Redis, keys: ReturnType<typeof graphKeys>): Promise<StoredContent | null> {
  if ((await redis.exists(keys.meta)) === 0) return null;
  const stopIds = (await redis.smembers(keys.nodes)).sort();
  const texts = async (keyOf: (stopId: string) => string): Promise<(string | null)[]> =>
    (await Promise.all(inBatches(stopIds).map((batch) => redis.mget(batch.map(keyOf))))).flat();
  const [nodes, neighbors] = [await texts(keys.node), await texts(keys.neighbors)];
  if (nodes.includes(null) || neighbors.includes(null)) return null;
  return { stopIds, nodes: nodes as string[], neighbors: neighbors as string[] };
}

/** The manifest goes first, by which readers know; the set of nodes last, by which a second call finds what the first has left. */
async function removeVersion(redis: Redis, keys: ReturnType<typeof graphKeys>, version: string): Promise<void> {
  await redis.unlink(keys.meta);
  const stopIds = await redis.smembers(keys.nodes);
  for (const batch of inBatches(stopIds)) {
    await redis.unlink(...batch.flatMap((stopId) => [keys.node(stopId), keys.neighbors(stopId)]));
  }
  await redis.unlink(keys.nodes);
  await redis.zrem(GRAPH_VERSIONS, version);
}

/** Before anything is written: half of an untagged version could be neither loaded nor removed there. */
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
