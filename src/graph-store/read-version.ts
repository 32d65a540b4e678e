import type { Redis } from 'ioredis';
import { GRAPH_POINTER, type GraphKeys } from './graph-keys.ts';
import { inBatches } from './key-batches.ts';
import type { StoredBytes, StoredContent } from './stored-content.ts';

/** The version that readers get; null before the first. The caller names errors of Redis. */
export const readLiveVersion = (redis: Redis): Promise<string | null> => redis.get(GRAPH_POINTER);

/** The stops of a version, in no order. null: the version has no manifest or no stop, so it is gone or not yet complete. */
export async function readStopIds(redis: Redis, keys: GraphKeys): Promise<string[] | null> {
  const stopIds = await redis.smembers(keys.nodes);
  const there = stopIds.length > 0 && (await redis.exists(keys.meta)) === 1;
  return there ? stopIds : null;
}

/** One text per stop, in the order of the ids; null where a stop has none. */
export async function readTexts(
  redis: Redis,
  stopIds: readonly string[],
  keyOf: (stopId: string) => string,
): Promise<(string | null)[]> {
  return (await Promise.all(inBatches(stopIds).map((batch) => redis.mget(batch.map(keyOf))))).flat();
}

/** Everything that is stored of a version, or null when any part of it is missing. */
export async function readContent(redis: Redis, keys: GraphKeys): Promise<StoredContent | null> {
  const stopIds = (await readStopIds(redis, keys))?.sort();
  if (stopIds === undefined) return null;
  const [nodes, neighbors] = [
    await readTexts(redis, stopIds, keys.node),
    await readTexts(redis, stopIds, keys.neighbors),
  ];
  if (nodes.includes(null) || neighbors.includes(null)) return null;
  return { stopIds, nodes: nodes as string[], neighbors: neighbors as string[] };
}

/** Whether a version holds exactly this content. */
export async function holdsContent(redis: Redis, keys: GraphKeys, content: StoredBytes): Promise<boolean> {
  const stopIds = await readStopIds(redis, keys);
  if (stopIds?.length !== content.stopIds.length) return false;
  const stored = new Set(stopIds);
  if (!content.stopIds.every((id) => stored.has(id))) return false;
  const held = await Promise.all([
    holdsTexts(redis, content.stopIds.map(keys.node), content.nodes),
    holdsTexts(redis, content.stopIds.map(keys.neighbors), content.neighbors),
  ]);
  return held.every(Boolean);
}

async function holdsTexts(redis: Redis, keys: string[], texts: Buffer[]): Promise<boolean> {
  const found = (await Promise.all(inBatches(keys).map((batch) => redis.mgetBuffer(batch)))).flat();
  return texts.every((text, i) => found[i]?.equals(text));
}

/** Whether a version with this many stops has all its keys. It reads no texts. */
export async function isWholeVersion(redis: Redis, keys: GraphKeys, nodes: number): Promise<boolean> {
  const stopIds = await readStopIds(redis, keys);
  if (stopIds?.length !== nodes) return false;
  const wanted = stopIds.flatMap((stopId) => [keys.node(stopId), keys.neighbors(stopId)]);
  const found = await Promise.all(inBatches(wanted).map((batch) => redis.exists(...batch)));
  return found.reduce((sum, each) => sum + each, 0) === wanted.length;
}
