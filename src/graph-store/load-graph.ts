import type { Redis } from 'ioredis';
import type { GraphKeys } from './graph-keys.ts';
import { KEYS_PER_COMMAND, inBatches } from './key-batches.ts';
import type { GraphManifest, StoredBytes } from './stored-content.ts';

/** A command may hold more ids than texts: an id is some bytes long, a text about a kilobyte. */
const IDS_PER_COMMAND = 2_000;
/** Enough that Redis never waits for us. More commands would only fill the socket's buffer. */
const COMMANDS_IN_FLIGHT = 3;

export interface GraphLoad {
  manifest: GraphManifest;
  content: StoredBytes;
  keysPerCommand: number | undefined;
  signal: AbortSignal | undefined;
}

/**
 * Writes a version: manifest, set of nodes, then the texts, so that the keys that a crash leaves can be listed. The keys have no expiry,
 * because a volatile eviction policy takes keys that have one.
 */
export async function loadGraph(
  redis: Redis,
  keys: GraphKeys,
  { manifest, content, keysPerCommand = KEYS_PER_COMMAND, signal }: GraphLoad,
): Promise<void> {
  const { stopIds, nodes, neighbors } = content;
  await redis.set(keys.meta, JSON.stringify(manifest));
  for (const batch of inBatches(stopIds, IDS_PER_COMMAND)) await redis.sadd(keys.nodes, ...batch);
  // A stop has two keys.
  const batches = inBatches([...stopIds.keys()], Math.max(1, Math.floor(keysPerCommand / 2))).values();
  const lane = async (): Promise<void> => {
    for (const batch of batches) {
      signal?.throwIfAborted();
      const pairs = batch.flatMap((i) => [
        keys.node(stopIds[i]!),
        nodes[i]!,
        keys.neighbors(stopIds[i]!),
        neighbors[i]!,
      ]);
      await redis.mset(pairs);
    }
  };
  // Wait for all lanes before throwing the first failure: a batch that is still on its way must not land after the clean-up.
  const lanes = await Promise.allSettled(Array.from({ length: COMMANDS_IN_FLIGHT }, lane));
  const failed = lanes.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
