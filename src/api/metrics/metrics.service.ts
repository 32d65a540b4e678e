import { Inject, Injectable } from '@nestjs/common';
import type { Client } from '@temporalio/client';
import { Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Logger } from '../../logger.ts';
import { Database } from '../core/database.ts';
import { RecentReads } from '../core/recent-reads.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';
import { LOGGER } from '../core/tokens.ts';
import { HealthService } from '../health/health.service.ts';
import type { GaugeQuery } from './gauge-query.ts';
import { GAUGES, HEALTH_GAUGES } from './metric-queries.ts';
import { TEMPORAL_GAUGES } from './temporal-gauges.ts';

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
  readonly #temporal: TemporalGateway;
  readonly #logger: Logger;
  readonly #fresh = new RecentReads({ recentMs: FRESH_MS });
  readonly #up: Gauge;
  readonly #degraded: Gauge;
  readonly #gauges = new Map<GaugeQuery, Gauge>();
  readonly #ofTemporal = new Map<GaugeQuery<Client>, Gauge>();
  readonly #requests: Histogram;

  constructor(
    @Inject(Database) database: Database,
    @Inject(HealthService) health: HealthService,
    @Inject(TemporalGateway) temporal: TemporalGateway,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.#database = database;
    this.#health = health;
    this.#temporal = temporal;
    this.#logger = logger;
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#up = new Gauge({ ...HEALTH_GAUGES.up, labelNames: ['part'], registers });
    this.#degraded = new Gauge({ ...HEALTH_GAUGES.degraded, labelNames: ['part'], registers });
    const gaugeOf = ({ name, help, labels }: Omit<GaugeQuery, 'read'>) =>
      new Gauge({ name, help, labelNames: labels, registers });
    for (const query of GAUGES) this.#gauges.set(query, gaugeOf(query));
    for (const query of TEMPORAL_GAUGES) this.#ofTemporal.set(query, gaugeOf(query));
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
    for (const { name, status } of checks) {
      this.#up.set({ part: name }, status === 'down' ? 0 : 1);
      this.#degraded.set({ part: name }, status === 'degraded' ? 1 : 0);
    }
    await this.#fresh.get('temporal', () => this.#fillFromTemporal());
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

  async #fillFromTemporal(): Promise<void> {
    for (const [query, gauge] of this.#ofTemporal) {
      const rows = await this.#temporal
        .glance((client) => query.read(client))
        .catch((error: unknown) => this.#logger.warn({ err: error }, `metrics without ${query.name}`));
      gauge.reset();
      for (const { value, ...labels } of rows ?? []) gauge.set(labels, Number(value));
    }
  }
}
