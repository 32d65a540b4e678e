import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Config } from '../../config.ts';
import { API_ROLE } from '../../records/schema/api-role.ts';
import { namingDatabaseFailures } from '../../connections/database-errors.ts';
import { type Queryable, openPostgres } from '../../connections/postgres.ts';
import type { Logger } from '../../logger.ts';
import { withinDeadline } from './deadline.ts';
import { CONFIG, LOGGER } from './tokens.ts';

/** Size of the pool: enough for hundreds of requests a second, and few compared with the workers' connections. */
const CONNECTIONS = 10;

/** PostgreSQL under the API's role. It answers or throws DatabaseUnavailable within a second. */
@Injectable()
export class Database implements OnApplicationShutdown {
  /** For code that takes a pool. Each connection and query has its own time limit; the whole has none. */
  readonly pool: pg.Pool;

  constructor(@Inject(CONFIG) config: Config, @Inject(LOGGER) logger: Logger) {
    this.pool = openPostgres(config.api.postgresUrl, {
      max: CONNECTIONS,
      applicationName: 'fleetgraph api',
      role: API_ROLE,
      connectTimeoutMs: 800,
      queryTimeoutMs: 900,
      statementTimeoutMs: 5_000,
      lockTimeoutMs: 800,
      idleInTransactionTimeoutMs: 5_000,
      onError: (error) => logger.warn({ err: error }, 'a connection to PostgreSQL broke'),
    });
  }

  /** For code that reads through a Queryable of pg. */
  readonly reader: Queryable = {
    query: ((sql: string, values?: unknown[]) =>
      this.#within(() => this.pool.query(sql, values))) as unknown as Queryable['query'],
  };

  async rows<T extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<T[]> {
    const { rows } = await this.#within(() => this.pool.query<T>(sql, values));
    return rows;
  }

  /** For work in its own transaction. When the deadline passes, the outcome is unknown. */
  write<T>(work: (pool: pg.Pool) => Promise<T>): Promise<T> {
    return this.#within(() => work(this.pool));
  }

  #within<T>(work: () => Promise<T>): Promise<T> {
    return namingDatabaseFailures('Asking PostgreSQL', () => withinDeadline('DatabaseUnavailable', 'PostgreSQL', work));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}
