import type { Redis } from 'ioredis';
import { graphKeys } from './graph-keys.ts';
import { readLiveVersion, readStopIds, readTexts } from './read-version.ts';
import type { StoredContent } from './stored-content.ts';
import { namingRedisFailures } from '../connections/redis-errors.ts';
import { Failure } from '../errors.ts';
import type { GraphEdge, GraphNode } from '../graph/transport-graph.ts';

/** One version of the graph: all its methods read that version. Texts are the stored JSON and can be sent unchanged. */
export interface PinnedGraph {
  readonly version: string;
  /** null when this version has no such stop. */
  node(stopId: string): Promise<GraphNode | null>;
  nodeText(stopId: string): Promise<string | null>;
  neighbors(stopId: string): Promise<GraphEdge[] | null>;
  neighborsText(stopId: string): Promise<string | null>;
  stopIds(): Promise<string[]>;
  /** All of the version as stored: `nodes[i]` and `neighbors[i]` belong to `stopIds[i]`, ids ascending in code units. */
  content(): Promise<StoredContent>;
}

/** Not a Failure, because it never leaves this file. */
class VersionGone extends Error {}

/**
 * Reads the graph for requests. Each request pins the live version once and reads only that version, even when the graph is switched
 * meanwhile. When the version is removed during a long request, the request pins the new one and its work starts again, once: the work must
 * have no side effects.
 * Errors: GraphUnavailable, RedisUnavailable.
 */
export class GraphReader {
  readonly #redis: Redis;
  readonly #tag: boolean;
  /** The version that was live at the last call. */
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
   * Reads one stored text of the live version in one round trip. It asks for the pointer together with the key of the version that was live
   * at the last call, and uses that answer only when the version is still live. `text` is null when the version has no such stop.
   */
  async readText(kind: 'node' | 'neighbors', stopId: string): Promise<{ version: string; text: string | null }> {
    const guess = this.#last;
    if (guess !== null) {
      const key = graphKeys(guess, this.#tag)[kind](stopId);
      const [version, text] = await this.#ask((redis) => Promise.all([readLiveVersion(redis), redis.get(key)]));
      if (version === guess && text !== null) return { version, text };
    }
    return this.read(async (graph) => ({
      version: graph.version,
      text: await (kind === 'node' ? graph.nodeText(stopId) : graph.neighborsText(stopId)),
    }));
  }

  /** Names errors of Redis only. An error of the request's own work passes unchanged. */
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
    const version = await this.#ask(readLiveVersion);
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
      const ids = await this.#ask((redis) => readStopIds(redis, keys));
      if (ids === null) throw new VersionGone(`${version} is gone`);
      return ids;
    };
    const texts = async (ids: string[], keyOf: (stopId: string) => string): Promise<string[]> => {
      const found = await this.#ask((redis) => readTexts(redis, ids, keyOf));
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

  /** Finds out why a key is missing: there is no such stop, the version was removed (its manifest goes first), or somebody deleted a single key. */
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
