import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Config } from '../../config.ts';
import { API_ROLE } from '../../connections/api-role.ts';
import { namingDatabaseFailures } from '../../connections/database-errors.ts';
import { type Queryable, openPostgres } from '../../connections/postgres.ts';
import type { Logger } from '../../logger.ts';
import { withinDeadline } from './deadline.ts';
import { CONFIG, LOGGER } from './tokens.ts';

/** Connections at once: enough for hundreds of requests a second, few beside the workers'. */
const CONNECTIONS = 10;

/** PostgreSQL under the API's role, with an answer or a DatabaseUnavailable within a second. */
@Injectable()
export class Database implements OnApplicationShutdown {
  /** For code that takes a pool; each connection and query has its limit, the whole has none. */
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

  /** For work in a transaction of its own. When the deadline strikes, its outcome is not known to us. */
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
