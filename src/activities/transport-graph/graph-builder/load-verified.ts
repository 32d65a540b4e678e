import type { GraphManifest, StoredContent } from '../../../connections/graph-store.ts';
import { type RedisMemory, mayEvictGraph } from '../../../connections/redis-memory.ts';
import { Failure } from '../../../errors.ts';
import { contentSum } from '../../../graph/graph-content.ts';
import type { GraphBuilderContext } from './graph-builder-context.ts';

/** Of a stored byte: keys, hash table and allocator come on top (16.2 MB for 13.0 MB of text measured). */
const OVERHEAD = 1.3;

/**
 * Loads a version and reads all of it back: what the switch makes visible is known to be what was built.
 * Errors: RedisEvictsGraph, RedisOutOfMemory, RedisUnavailable, RedisRefused, GraphUnavailable.
 */
export async function loadVerified(
  context: GraphBuilderContext,
  version: string,
  manifest: GraphManifest,
  content: StoredContent,
): Promise<void> {
  const { store, cancellationSignal, heartbeat } = context;
  const memory = await refuseEviction(context);
  refuseWithoutMemory(memory, version, content);
  heartbeat({ loading: version });
  await store.load(version, manifest, content, cancellationSignal());
  context.faultPoint?.('graph-builder:loaded');
  heartbeat({ verifying: version });
  const stored = await store.read(version);
  if (stored !== null && contentSum(stored) === manifest.sha256) return;
  throw new Failure(
    'GraphUnavailable',
    `Verifying ${version} after loading: Redis does not hold what was written. Is something else deleting or writing graph keys?`,
  );
}

/** allkeys-lru was seen to take 56 % of the live graph while the next one loaded, without any error. */
export async function refuseEviction({ store, settings }: GraphBuilderContext): Promise<RedisMemory> {
  const memory = await store.memory();
  if (!mayEvictGraph(memory) || settings.allowEviction) return memory;
  throw new Failure(
    'RedisEvictsGraph',
    `Redis has maxmemory-policy ${memory.policy} and may evict the live graph. Run: redis-cli CONFIG SET maxmemory-policy volatile-lru`,
  );
}

/** Only where nothing can be evicted: elsewhere keys with an expiry make room first. */
function refuseWithoutMemory(
  { policy, usedBytes, maxBytes }: RedisMemory,
  version: string,
  content: StoredContent,
): void {
  if (maxBytes === 0 || policy !== 'noeviction') return;
  const texts = [...content.nodes, ...content.neighbors];
  const needed = Math.ceil(texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) * OVERHEAD);
  if (usedBytes + needed <= maxBytes) return;
  const mb = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MB`;
  throw new Failure(
    'RedisOutOfMemory',
    `Loading ${version} needs about ${mb(needed)}, and Redis has ${mb(usedBytes)} of ${mb(maxBytes)} in use. Raise maxmemory.`,
  );
}
