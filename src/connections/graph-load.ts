import type { Redis } from 'ioredis';
import type { GraphKeys } from './graph-keys.ts';
import type { GraphManifest, StoredContent } from './graph-store.ts';

const IDS_PER_COMMAND = 2_000;
/** Enough that Redis never waits for us; more would only fill the socket's buffer. */
const COMMANDS_IN_FLIGHT = 3;

/**
 * Writes a version: manifest, set of nodes, then the texts, so that whatever a crash leaves can be enumerated. Without expiry: keys that
 * expire are those that a volatile eviction policy takes.
 */
export async function loadGraph(
  redis: Redis,
  keys: GraphKeys,
  manifest: GraphManifest,
  content: StoredContent,
  { keysPerCommand, signal }: { keysPerCommand: number; signal?: AbortSignal },
): Promise<void> {
  const { stopIds, nodes, neighbors } = content;
  await redis.set(keys.meta, JSON.stringify(manifest));
  for (let at = 0; at < stopIds.length; at += IDS_PER_COMMAND) {
    await redis.sadd(keys.nodes, ...stopIds.slice(at, at + IDS_PER_COMMAND));
  }
  // A stop has two keys.
  const stopsPerCommand = Math.max(1, Math.floor(keysPerCommand / 2));
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < stopIds.length) {
      signal?.throwIfAborted();
      const pairs: string[] = [];
      const end = Math.min(next + stopsPerCommand, stopIds.length);
      for (; next < end; next++) {
        pairs.push(keys.node(stopIds[next]!), nodes[next]!, keys.neighbors(stopIds[next]!), neighbors[next]!);
      }
      await redis.mset(pairs);
    }
  };
  // All of them, and only then the first failure: a batch that is still on its way must not land after the clean-up.
  const lanes = await Promise.allSettled(Array.from({ length: COMMANDS_IN_FLIGHT }, lane));
  const failed = lanes.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
