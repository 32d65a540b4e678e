import type { Redis } from 'ioredis';
import { GRAPH_POINTER, graphKeys } from '../connections/graph-keys.ts';
import type { StoredContent } from '../connections/graph-store.ts';
import { namingRedisFailures } from '../connections/redis-errors.ts';
import { Failure } from '../errors.ts';
import type { GraphEdge, GraphNode } from '../graph/transport-graph.ts';

/** One version of the graph: everything read through it is of that version. Texts are the stored JSON, ready to be sent on as they are. */
export interface PinnedGraph {
  readonly version: string;
  /** null: this version has no such stop. */
  node(stopId: string): Promise<GraphNode | null>;
  nodeText(stopId: string): Promise<string | null>;
  neighbors(stopId: string): Promise<GraphEdge[] | null>;
  neighborsText(stopId: string): Promise<string | null>;
  stopIds(): Promise<string[]>;
  /** Everything, as stored: `nodes[i]` and `neighbors[i]` belong to `stopIds[i]`, ids ascending in code units. */
  content(): Promise<StoredContent>;
}

/** Of one command: large enough to forget the round trip. */
const KEYS_PER_COMMAND = 500;

/** Not a Failure: never leaves this file. */
class VersionGone extends Error {}

/**
 * Reads the graph for requests. Each request pins the live version once and reads nothing of another, however often the graph is swapped
 * meanwhile. A version that was removed under a request that outlived its grace period is pinned anew, once, and the request's work
 * repeated from its beginning: it must have no effects of its own. Errors: GraphUnavailable, RedisUnavailable.
 */
export class GraphReader {
  readonly #redis: Redis;
  readonly #tag: boolean;
  /** The version that was live the last time somebody asked. */
  #last: string | null = null;

  constructor(redis: Redis, options: { keyTag?: boolean } = {}) {
    this.#redis = redis;
    this.#tag = options.keyTag ?? false;
  }

  async read<T>(work: (graph: PinnedGraph) => Promise<T>): Promise<T> {
    try {
      return await work(await this.#pin());
    } catch (error) {
      if (!(error instanceof VersionGone)) throw error;
      return await this.#readAgain(work);
    }
  }

  /**
   * One stored text of the live version in one round trip: the pointer is asked for, and behind it the key of the version that was live the
   * last time. Only when that is still the live one its answer counts. `text` is null where the version has no such stop.
   */
  async readText(kind: 'node' | 'neighbors', stopId: string): Promise<{ version: string; text: string | null }> {
    const guess = this.#last;
    if (guess !== null) {
      const key = graphKeys(guess, this.#tag)[kind](stopId);
      const [version, text] = await this.#ask((redis) => Promise.all([redis.get(GRAPH_POINTER), redis.get(key)]));
      if (version === guess && text !== null) return { version, text };
    }
    return this.read(async (graph) => ({
      version: graph.version,
      text: await (kind === 'node' ? graph.nodeText(stopId) : graph.neighborsText(stopId)),
    }));
  }

  /** Only what Redis answers is named: an error of the request's own work stays what it is. */
  #ask<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    return namingRedisFailures('Reading the graph', () => command(this.#redis));
  }

  async #readAgain<T>(work: (graph: PinnedGraph) => Promise<T>): Promise<T> {
    try {
      return await work(await this.#pin());
    } catch (error) {
      if (!(error instanceof VersionGone)) throw error;
      throw new Failure('GraphUnavailable', `Reading the graph: ${error.message}, twice in one request.`, {
        cause: error,
      });
    }
  }

  async #pin(): Promise<PinnedGraph> {
    const version = await this.#ask((redis) => redis.get(GRAPH_POINTER));
    if (version === null) throw new Failure('GraphUnavailable', 'Reading the graph: there is no live graph yet.');
    this.#last = version;
    const keys = graphKeys(version, this.#tag);
    const text = async (key: string, stopId: string): Promise<string | null> => {
      const found = await this.#ask((redis) => redis.get(key));
      if (found === null) await this.#explain(version, stopId);
      return found;
    };
    const nodeText = (stopId: string): Promise<string | null> => text(keys.node(stopId), stopId);
    const neighborsText = (stopId: string): Promise<string | null> => text(keys.neighbors(stopId), stopId);
    const stopIds = async (): Promise<string[]> => {
      const ids = await this.#ask((redis) => redis.smembers(keys.nodes));
      const there = ids.length > 0 && (await this.#ask((redis) => redis.exists(keys.meta))) === 1;
      if (!there) throw new VersionGone(`${version} is gone`);
      return ids;
    };
    const texts = async (ids: string[], keyOf: (stopId: string) => string): Promise<string[]> => {
      const batches = Array.from({ length: Math.ceil(ids.length / KEYS_PER_COMMAND) }, (_, i) =>
        ids.slice(i * KEYS_PER_COMMAND, (i + 1) * KEYS_PER_COMMAND),
      );
      const found = (
        await Promise.all(batches.map((batch) => this.#ask((redis) => redis.mget(batch.map(keyOf)))))
      ).flat();
      const hole = found.indexOf(null);
      if (hole >= 0) await this.#explain(version, ids[hole]!);
      return found as string[];
    };
    return {
      version,
      nodeText,
      neighborsText,
      node: async (stopId) => parsed<GraphNode>(await nodeText(stopId)),
      neighbors: async (stopId) => parsed<GraphEdge[]>(await neighborsText(stopId)),
      stopIds,
      content: async () => {
        const ids = (await stopIds()).sort();
        return { stopIds: ids, nodes: await texts(ids, keys.node), neighbors: await texts(ids, keys.neighbors) };
      },
    };
  }

  /** A key is missing: no such stop, a version that was removed (its manifest goes first), or a hole that somebody tore. */
  async #explain(version: string, stopId: string): Promise<void> {
    const keys = graphKeys(version, this.#tag);
    const known = await this.#ask((redis) => redis.sismember(keys.nodes, stopId));
    if ((await this.#ask((redis) => redis.exists(keys.meta))) === 0) throw new VersionGone(`${version} is gone`);
    if (known === 1) {
      throw new Failure(
        'GraphUnavailable',
        `Reading the graph: ${version} lacks the keys of a stop it has. It is filled again within a minute.`,
      );
    }
  }
}

const parsed = <T>(text: string | null): T | null => (text === null ? null : (JSON.parse(text) as T));
