import {
  type GraphManifest,
  type StoredBytes,
  type StoredContent,
  bytesOf,
} from '../../../graph-store/stored-content.ts';
import { type RedisMemory, mayEvictGraph } from '../../../connections/redis-memory.ts';
import { Failure } from '../../../errors.ts';
import type { GraphBuilderContext } from './graph-builder-context.ts';

/** What Redis needs instead, as commands; its configuration file should say the same. */
const RIGHT_SETTINGS = [
  'CONFIG SET maxmemory-policy volatile-lru',
  'CONFIG SET maxmemory 2gb',
  'CONFIG SET save "900 1 300 10 60 10000"',
];
/** Memory in Redis per stored byte: keys, hash table and allocator add to the text (16.2 MB were measured for 13.0 MB of text). */
const OVERHEAD = 1.3;

/**
 * Loads a version and reads all of it back, so that the switch only makes visible what was really built.
 * Errors: RedisEvictsGraph, RedisOutOfMemory, RedisUnavailable, RedisRefused, GraphUnavailable.
 */
export async function loadVerified(
  context: GraphBuilderContext,
  version: string,
  manifest: GraphManifest,
  texts: StoredContent,
): Promise<void> {
  const content = bytesOf(texts);
  const { store, cancellationSignal, heartbeat } = context;
  const memory = await refuseEviction(context);
  refuseWithoutMemory(memory, version, content);
  heartbeat({ loading: version });
  await store.load(version, manifest, content, cancellationSignal());
  context.faultPoint?.('graph-builder:loaded');
  heartbeat({ verifying: version });
  if (await store.holds(version, content)) return;
  throw new Failure(
    'GraphUnavailable',
    `Verifying ${version} after loading: Redis does not hold what was written. Is something else deleting or writing graph keys?`,
  );
}

/** Refuses a Redis that may evict the graph. Under allkeys-lru, Redis took 56 % of the live graph while the next one loaded, without any error. */
export async function refuseEviction({ store, settings }: GraphBuilderContext): Promise<RedisMemory> {
  const memory = await store.memory();
  if (!mayEvictGraph(memory) || settings.allowEviction) return memory;
  throw new Failure(
    'RedisEvictsGraph',
    `Redis has maxmemory-policy ${memory.policy} and may evict the live graph: its keys have no expiry, and at the limit this policy takes them ` +
      'without an error while the next graph loads. volatile-lru takes only keys with an expiry, and refuses a load that does not fit. Run: ' +
      RIGHT_SETTINGS.map((line) => `redis-cli ${line}`).join('; '),
  );
}

/** Checks only a Redis that evicts nothing. Any other Redis makes room first, by removing keys with an expiry. */
function refuseWithoutMemory(
  { policy, usedBytes, maxBytes }: RedisMemory,
  version: string,
  content: StoredBytes,
): void {
  if (maxBytes === 0 || policy !== 'noeviction') return;
  const texts = [...content.nodes, ...content.neighbors];
  const needed = Math.ceil(texts.reduce((sum, text) => sum + text.length, 0) * OVERHEAD);
  if (usedBytes + needed <= maxBytes) return;
  const mb = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MB`;
  throw new Failure(
    'RedisOutOfMemory',
    `Loading ${version} needs about ${mb(needed)}, and Redis has ${mb(usedBytes)} of ${mb(maxBytes)} in use. Raise maxmemory.`,
  );
}
