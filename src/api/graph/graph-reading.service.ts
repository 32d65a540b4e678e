import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { type PathNetwork, createPathNetwork } from '../../graph/shortest-path.ts';
import type { GraphEdge, GraphNode } from '../../graph/transport-graph.ts';
import { GraphReader, type PinnedGraph } from '../../graph-reader/graph-reader.ts';
import { readTransportGraphSettings } from '../../settings/store.ts';
import { Answer } from '../core/answer.ts';
import { Database } from '../core/database.ts';
import { notFound } from '../core/problem.ts';
import { REDIS } from '../core/tokens.ts';

/** The live graph, read from Redis: each request pins one version. Texts go out as they are stored. */
@Injectable()
export class GraphReadingService {
  readonly #database: Database;
  readonly #redis: Redis;
  #reader: Promise<GraphReader> | null = null;
  /** Of one version: the live one, whole in memory. */
  #network: { version: string; network: Promise<PathNetwork> } | null = null;
  #drawing: { version: string; text: Promise<string> } | null = null;

  constructor(@Inject(Database) database: Database, @Inject(REDIS) redis: Redis) {
    this.#database = database;
    this.#redis = redis;
  }

  node(stopId: string, known?: string): Promise<Answer> {
    return this.#text('node', stopId, known);
  }

  neighbors(stopId: string, known?: string): Promise<Answer> {
    return this.#text('neighbors', stopId, known);
  }

  path(from: string, to: string, known?: string): Promise<Answer> {
    return this.#pinned(known, async (graph) => {
      const network = await this.#networkOf(graph);
      for (const stopId of [from, to]) if (!network.has(stopId)) noStop(stopId);
      const found = network.shortestPath(from, to);
      if (found === null) throw notFound(`way from ${from} to ${to}`);
      const { minutes, distanceKm, edges: path } = found;
      return JSON.stringify({ success: true, version: graph.version, from, to, minutes, distanceKm, path });
    });
  }

  network(known?: string): Promise<Answer> {
    return this.#pinned(known, (graph) => {
      if (this.#drawing?.version !== graph.version) {
        const drawing = { version: graph.version, text: draw(graph) };
        drawing.text.catch(() => (this.#drawing = this.#drawing === drawing ? null : this.#drawing));
        this.#drawing = drawing;
      }
      return this.#drawing.text;
    });
  }

  async #text(kind: 'node' | 'neighbors', stopId: string, known: string | undefined): Promise<Answer> {
    const reader = await (this.#reader ??= this.#openReader());
    const { version, text } = await reader.readText(kind, stopId);
    return isKnown(version, known) ? unchanged(version) : answer(version, text ?? noStop(stopId));
  }

  async #pinned(known: string | undefined, read: (graph: PinnedGraph) => Promise<string>): Promise<Answer> {
    const reader = await (this.#reader ??= this.#openReader());
    return reader.read(async (graph) =>
      isKnown(graph.version, known) ? unchanged(graph.version) : answer(graph.version, await read(graph)),
    );
  }

  /** How keys are written changes with a setting; while PostgreSQL does not tell, they are as the spec has them. */
  async #openReader(): Promise<GraphReader> {
    try {
      const { keyTag } = await readTransportGraphSettings(this.#database.reader);
      return new GraphReader(this.#redis, { keyTag });
    } catch {
      this.#reader = null;
      return new GraphReader(this.#redis);
    }
  }

  #networkOf(graph: PinnedGraph): Promise<PathNetwork> {
    if (this.#network?.version !== graph.version) {
      const network = graph.content().then(({ stopIds, neighbors }) => createPathNetwork(stopIds, neighbors));
      const entry = { version: graph.version, network };
      network.catch(() => (this.#network = this.#network === entry ? null : this.#network));
      this.#network = entry;
    }
    return this.#network.network;
  }
}

function noStop(stopId: string): never {
  throw notFound(`stop ${stopId} in the graph`);
}

const headersOf = (version: string): Record<string, string> => ({
  etag: `"${version}"`,
  'x-graph-version': version,
  'cache-control': 'private, no-cache',
});

const unchanged = (version: string): Answer => new Answer(undefined, { status: 304, headers: headersOf(version) });

const answer = (version: string, text: string): Answer =>
  new Answer(text, { headers: { ...headersOf(version), 'content-type': 'application/json; charset=utf-8' } });

/** Whether `If-None-Match` names this version. */
const isKnown = (version: string, header: string | undefined): boolean =>
  header?.split(',').some((each) => [`"${version}"`, `W/"${version}"`, '*'].includes(each.trim())) ?? false;

async function draw(graph: PinnedGraph): Promise<string> {
  const { stopIds, nodes, neighbors } = await graph.content();
  const index = new Map(stopIds.map((stopId, i) => [stopId, i]));
  const edges = neighbors.flatMap((text, from) => {
    const to = new Set((JSON.parse(text) as GraphEdge[]).map(({ toStopId }) => index.get(toStopId)));
    return [...to].filter((node) => node !== undefined).map((node): [number, number] => [from, node]);
  });
  const stops = nodes.map((text) => JSON.parse(text) as GraphNode);
  return JSON.stringify({ success: true, version: graph.version, nodes: stops, edges });
}
