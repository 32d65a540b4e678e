import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { z } from 'zod';
import { GRAPH_POINTER } from '../../connections/graph-keys.ts';
import { describePositionsStore } from '../../connections/migrations.ts';
import { type RedisMemory, mayEvictGraph, readRedisMemory } from '../../connections/redis-memory.ts';
import { Answer } from '../core/answer.ts';
import { Database } from '../core/database.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';
import { REDIS } from '../core/tokens.ts';
import { createMemo } from '../core/memo.ts';
import type { readiness } from './health.routes.ts';

export type Readiness = z.infer<typeof readiness>;
type Check = Readiness['checks'][number];

/** Probes of many watchers are one question to the servers. */
const FRESH_MS = 500;

/** How the parts are, in words; knows no HTTP but the status. */
@Injectable()
export class HealthService {
  readonly #database: Database;
  readonly #redis: Redis;
  readonly #temporal: TemporalGateway;
  readonly #memo = createMemo<Readiness>(FRESH_MS);

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
    return this.#memo.get('', () => this.#examine());
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

  /** What readers get, with the age that PostgreSQL knows. */
  async #graph(): Promise<Readiness['graph']> {
    const version = await this.#redis.get(GRAPH_POINTER);
    if (version === null) return null;
    const [row] = await this.#database
      .rows<{ activated_at: Date | null; age: number | null }>(
        'SELECT activated_at, extract(epoch FROM now() - activated_at)::float8 AS age FROM graphs WHERE version = $1',
        [version],
      )
      .catch(() => []);
    return {
      version,
      activatedAt: row?.activated_at?.toISOString() ?? null,
      ageSeconds: row?.age == null ? null : Math.round(row.age),
    };
  }
}

function evictionRisk(memory: RedisMemory): string | undefined {
  if (!mayEvictGraph(memory)) return undefined;
  return `its maxmemory-policy ${memory.policy} may evict the live graph: CONFIG SET maxmemory-policy volatile-lru`;
}

/** `ask` may answer what it found that is not as it should be. */
async function probe(name: Check['name'], ask: () => Promise<string | undefined | void>): Promise<Check> {
  const askedAt = performance.now();
  const latencyMs = (): number => Math.round((performance.now() - askedAt) * 10) / 10;
  try {
    const found = await ask();
    if (found !== undefined) return { name, status: 'degraded', latencyMs: latencyMs(), error: found };
    return { name, status: 'up', latencyMs: latencyMs() };
  } catch {
    // What a driver says may hold addresses; the log has it.
    return { name, status: 'down', latencyMs: latencyMs(), error: 'it does not answer' };
  }
}
