import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { GraphReader } from '../../graph-reader/graph-reader.ts';
import { readTransportGraphSettings } from '../../settings/store.ts';
import { Answer } from '../core/answer.ts';
import { Database } from '../core/database.ts';
import { notFound } from '../core/problem.ts';
import { REDIS } from '../core/tokens.ts';
import { WholeGraph, type WholeGraphQuestion } from './whole-graph.ts';

/** The live graph, read from Redis: each request pins one version. Texts go out as they are stored. */
@Injectable()
export class GraphReadingService {
  readonly #database: Database;
  readonly #redis: Redis;
  readonly #whole: WholeGraph;
  #opened: Promise<Opened> | null = null;

  constructor(
    @Inject(Database) database: Database,
    @Inject(REDIS) redis: Redis,
    @Inject(WholeGraph) whole: WholeGraph,
  ) {
    this.#database = database;
    this.#redis = redis;
    this.#whole = whole;
  }

  node(stopId: string, known?: string): Promise<Answer> {
    return this.#text('node', stopId, known);
  }

  neighbors(stopId: string, known?: string): Promise<Answer> {
    return this.#text('neighbors', stopId, known);
  }

  path(from: string, to: string, known?: string): Promise<Answer> {
    return this.#ofWhole({ from, to }, known);
  }

  network(known?: string): Promise<Answer> {
    return this.#ofWhole(null, known);
  }

  async #text(kind: 'node' | 'neighbors', stopId: string, known: string | undefined): Promise<Answer> {
    const { reader } = await this.#open();
    const { version, text } = await reader.readText(kind, stopId);
    return isKnown(version, known) ? unchanged(version) : answer(version, text ?? noStop(stopId));
  }

  async #ofWhole(way: WholeGraphQuestion['way'], known: string | undefined): Promise<Answer> {
    const { reader, keyTag } = await this.#open();
    const live = await reader.read(async ({ version }) => version);
    if (isKnown(live, known)) return unchanged(live);
    const { version, text } = await this.#whole.ask({ keyTag, way });
    return answer(version, text);
  }

  /** How keys are written changes with a setting; while PostgreSQL does not tell, they are as the spec has them. */
  async #open(): Promise<Opened> {
    return (this.#opened ??= readTransportGraphSettings(this.#database.reader).then(
      ({ keyTag }) => ({ reader: new GraphReader(this.#redis, { keyTag }), keyTag }),
      () => {
        this.#opened = null;
        return { reader: new GraphReader(this.#redis), keyTag: false };
      },
    ));
  }
}

interface Opened {
  reader: GraphReader;
  keyTag: boolean;
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
