import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { GraphReader } from '../../graph-store/graph-reader.ts';
import { readTransportGraphSettings } from '../../records/settings.ts';
import { Answer } from '../core/answer.ts';
import { Database } from '../core/database.ts';
import { notFound } from '../core/problem.ts';
import { RecentReads } from '../core/recent-reads.ts';
import { REDIS } from '../core/tokens.ts';
import { WholeGraph, type WholeGraphQuestion } from './whole-graph.ts';

/** Limit of the cached texts. The text of a stop or a path has about a kilobyte, the drawing of a large network some megabytes. */
const KEPT_CHARACTERS = 32 * 1024 ** 2;

/**
 * Reads the live graph from Redis. Each request pins one version, and texts are sent as they are stored. A version never changes, so its
 * texts are cached. Which version is live may be known from a moment ago.
 */
@Injectable()
export class GraphReadingService {
  readonly #database: Database;
  readonly #redis: Redis;
  readonly #whole: WholeGraph;
  readonly #recent: RecentReads;
  readonly #texts = new LRUCache<string, VersionText, () => Promise<VersionText>>({
    maxSize: KEPT_CHARACTERS,
    sizeCalculation: ({ text }, what) => what.length + text.length,
    fetchMethod: (_what, _stale, { context }) => context(),
    // A caller that waits for a text gets it even when the cache has no more room for it.
    ignoreFetchAbort: true,
  });
  #opened: Promise<Opened> | null = null;

  constructor(
    @Inject(Database) database: Database,
    @Inject(REDIS) redis: Redis,
    @Inject(WholeGraph) whole: WholeGraph,
    @Inject(RecentReads) recent: RecentReads,
  ) {
    this.#database = database;
    this.#redis = redis;
    this.#whole = whole;
    this.#recent = recent;
  }

  node(stopId: string, known?: string): Promise<Answer> {
    return this.#stop('node', stopId, known);
  }

  neighbors(stopId: string, known?: string): Promise<Answer> {
    return this.#stop('neighbors', stopId, known);
  }

  path(from: string, to: string, known?: string): Promise<Answer> {
    return this.#answer(`path ${JSON.stringify([from, to])}`, known, this.#ofWhole({ from, to }));
  }

  network(known?: string): Promise<Answer> {
    return this.#answer('network', known, this.#ofWhole(null));
  }

  #stop(kind: 'node' | 'neighbors', stopId: string, known: string | undefined): Promise<Answer> {
    return this.#answer(`${kind} ${stopId}`, known, async ({ reader }) => {
      const { version, text } = await reader.readText(kind, stopId);
      return { version, text: text ?? noStop(stopId) };
    });
  }

  #ofWhole(way: WholeGraphQuestion['way']): ReadText {
    return ({ keyTag }) => this.#whole.ask({ keyTag, way });
  }

  async #answer(what: string, known: string | undefined, read: ReadText): Promise<Answer> {
    const opened = await this.#open();
    const live = await this.#recent.get('the live graph', () => opened.reader.read(async ({ version }) => version));
    const key = `${live} ${what}`;
    // The graph may be switched between the two reads. The text is then right, but of another version than its key says: it is used once
    // and read again next time.
    const forceRefresh = (this.#texts.peek(key)?.version ?? live) !== live;
    const found = await this.#texts.forceFetch(key, { context: () => read(opened), forceRefresh });
    return isKnown(found.version, known) ? unchanged(found.version) : answer(found);
  }

  /** A setting decides how keys are written. While PostgreSQL is away, the keys of the spec are assumed. */
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

interface VersionText {
  version: string;
  text: string;
}

type ReadText = (opened: Opened) => Promise<VersionText>;

function noStop(stopId: string): never {
  throw notFound(`stop ${stopId} in the graph`);
}

const headersOf = (version: string): Record<string, string> => ({
  etag: `"${version}"`,
  'x-graph-version': version,
  'cache-control': 'private, no-cache',
});

const unchanged = (version: string): Answer => new Answer(undefined, { status: 304, headers: headersOf(version) });

const answer = ({ version, text }: VersionText): Answer =>
  new Answer(text, { headers: { ...headersOf(version), 'content-type': 'application/json; charset=utf-8' } });

/** Whether `If-None-Match` names this version. */
const isKnown = (version: string, header: string | undefined): boolean =>
  header?.split(',').some((each) => [`"${version}"`, `W/"${version}"`, '*'].includes(each.trim())) ?? false;
