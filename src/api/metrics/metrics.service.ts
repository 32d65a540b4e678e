import { Inject, Injectable } from '@nestjs/common';
import { Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Logger } from '../../logger.ts';
import { Database } from '../core/database.ts';
import { RecentReads } from '../core/recent-reads.ts';
import { LOGGER } from '../core/tokens.ts';
import { HealthService } from '../health/health.service.ts';
import type { GaugeQuery } from './gauge-query.ts';
import { GAUGES } from './metric-queries.ts';

/** The sums read whole tables, so many scrapers within this time cause one read. */
const FRESH_MS = 10_000;
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 60];

interface AnswerGiven {
  method: string;
  route: string;
  status: number;
  seconds: number;
}

/** Collects the metrics for Prometheus. When a server is away, its figures are left out and `fleetgraph_up` says so. */
@Injectable()
export class MetricsService {
  readonly #registry = new Registry();
  readonly #database: Database;
  readonly #health: HealthService;
  readonly #logger: Logger;
  readonly #fresh = new RecentReads({ recentMs: FRESH_MS });
  readonly #up: Gauge;
  readonly #gauges = new Map<GaugeQuery, Gauge>();
  readonly #requests: Histogram;

  constructor(
    @Inject(Database) database: Database,
    @Inject(HealthService) health: HealthService,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.#database = database;
    this.#health = health;
    this.#logger = logger;
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#up = new Gauge({ name: 'fleetgraph_up', help: '1: the part answers.', labelNames: ['part'], registers });
    for (const query of GAUGES) {
      this.#gauges.set(query, new Gauge({ name: query.name, help: query.help, labelNames: query.labels, registers }));
    }
    this.#requests = new Histogram({
      name: 'fleetgraph_http_request_duration_seconds',
      help: 'Answers of the API by route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: LATENCY_BUCKETS,
      registers,
    });
  }

  /** Counts one answer and its duration. Long waits and streams are included. */
  observe({ method, route, status, seconds }: AnswerGiven): void {
    this.#requests.observe({ method, route, status: String(status) }, seconds);
  }

  async text(): Promise<string> {
    const { checks } = await this.#health.read();
    for (const { name, status } of checks) this.#up.set({ part: name }, status === 'down' ? 0 : 1);
    const asked = checks.some(({ name, status }) => name === 'postgres' && status === 'up');
    if (!asked || !(await this.#filled())) for (const gauge of this.#gauges.values()) gauge.reset();
    return this.#registry.metrics();
  }

  async #filled(): Promise<boolean> {
    try {
      await this.#fresh.get('', () => this.#fill());
      return true;
    } catch (error) {
      this.#logger.warn({ err: error }, 'metrics without figures of PostgreSQL');
      return false;
    }
  }

  async #fill(): Promise<void> {
    // The queries run one after the other, so that a scrape does not take all connections.
    for (const [query, gauge] of this.#gauges) {
      const rows = await query.read(this.#database.reader);
      gauge.reset();
      for (const { value, ...labels } of rows) gauge.set(labels, Number(value));
    }
  }
}
