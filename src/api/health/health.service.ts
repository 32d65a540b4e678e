import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { z } from 'zod';
import { graphOfVersion } from '../../records/graphs.ts';
import { readLiveVersion } from '../../graph-store/read-version.ts';
import { describePositionsStore } from '../../records/schema/migrations.ts';
import { type RedisMemory, mayEvictGraph, readRedisMemory } from '../../connections/redis-memory.ts';
import { Answer } from '../core/answer.ts';
import { Database } from '../core/database.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';
import { REDIS } from '../core/tokens.ts';
import { RecentReads } from '../core/recent-reads.ts';
import type { readiness } from './health.routes.ts';

export type Readiness = z.infer<typeof readiness>;
type Check = Readiness['checks'][number];

/** Many probes within this time cause one question to the servers. */
const FRESH_MS = 500;

/** Says how the servers are, in words. It knows nothing of HTTP but the status. */
@Injectable()
export class HealthService {
  readonly #database: Database;
  readonly #redis: Redis;
  readonly #temporal: TemporalGateway;
  readonly #recent = new RecentReads({ recentMs: FRESH_MS });

  constructor(
    @Inject(Database) database: Database,
    @Inject(REDIS) redis: Redis,
    @Inject(TemporalGateway) temporal: TemporalGateway,
  ) {
    this.#database = database;
    this.#redis = redis;
    this.#temporal = temporal;
  }

  async answer(): Promise<Answer> {
    const body = await this.read();
    return new Answer(body, body.status === 'down' ? { status: 503, headers: { 'retry-after': '5' } } : {});
  }

  read(): Promise<Readiness> {
    return this.#recent.get('', () => this.#examine());
  }

  async #examine(): Promise<Readiness> {
    let positions: Readiness['positions'] = null;
    const [postgres, redis, temporal, graph] = await Promise.all([
      probe('postgres', async () => {
        positions = await describePositionsStore(this.#database.reader);
      }),
      probe('redis', async () => evictionRisk(await readRedisMemory(this.#redis))),
      probe('temporal', () => this.#temporal.ping()),
      this.#graph().catch(() => null),
    ]);
    const checks = [postgres, redis, temporal];
    const whole = checks.every(({ status }) => status === 'up') && graph !== null;
    return { status: postgres.status === 'down' ? 'down' : whole ? 'ok' : 'degraded', checks, graph, positions };
  }

  /** The graph that readers get, with its age from PostgreSQL. */
  async #graph(): Promise<Readiness['graph']> {
    const version = await readLiveVersion(this.#redis);
    if (version === null) return null;
    const row = await graphOfVersion(this.#database.reader, version).catch(() => null);
    return {
      version,
      activatedAt: row?.activated_at?.toISOString() ?? null,
      ageSeconds: row?.live_seconds == null ? null : Math.round(row.live_seconds),
    };
  }
}

function evictionRisk(memory: RedisMemory): string | undefined {
  if (!mayEvictGraph(memory)) return undefined;
  return `its maxmemory-policy ${memory.policy} may evict the live graph: CONFIG SET maxmemory-policy volatile-lru`;
}

/** Measures one server. `ask` returns a text when the server answers but something is wrong. */
async function probe(name: Check['name'], ask: () => Promise<string | undefined | void>): Promise<Check> {
  const askedAt = performance.now();
  const latencyMs = (): number => Math.round((performance.now() - askedAt) * 10) / 10;
  try {
    const found = await ask();
    if (found !== undefined) return { name, status: 'degraded', latencyMs: latencyMs(), error: found };
    return { name, status: 'up', latencyMs: latencyMs() };
  } catch {
    // A driver's message may hold addresses. Only the log gets it.
    return { name, status: 'down', latencyMs: latencyMs(), error: 'it does not answer' };
  }
}
