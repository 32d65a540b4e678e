import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { ensureSettings } from './ensure-settings.ts';
import { ensureApiRole } from './api-role.ts';
import { refuseOldTimescale } from './timescaledb-version.ts';
import type { Queryable } from '../../connections/postgres.ts';

/** The folder of the numbered .sql files, beside src/ or dist/. */
export const MIGRATIONS_DIRECTORY = fileURLToPath(new URL('../../../migrations', import.meta.url));

export type PositionsStore = 'timescaledb' | 'native-partitions';

export interface MigrationResult {
  /** Names of the files that this call ran, oldest first. */
  applied: string[];
  positions: PositionsStore;
}

/**
 * Brings the database to the newest schema, all or nothing, and adds settings that have no row yet. Many processes may call it at once: an
 * advisory lock makes them wait for each other. `say` gets a line per file, and PostgreSQL's own notices.
 */
export async function migrate(url: string, say: (line: string) => void = () => {}): Promise<MigrationResult> {
  // A client of its own has no time limits, unlike the pool: waiting for another migrator's lock may take minutes.
  const client = new pg.Client({ connectionString: url, application_name: 'fleetgraph migrate' });
  client.on('error', (error) => say(`The connection broke: ${error.message}`));
  client.on('notice', (notice) => say(`${notice.severity ?? 'NOTICE'}: ${notice.message ?? ''}`));
  await client.connect();
  try {
    const ran = await runner({
      dbClient: client,
      dir: MIGRATIONS_DIRECTORY,
      ignorePattern: '.*(?<!\\.sql)',
      migrationsTable: 'schema_migrations',
      direction: 'up',
      singleTransaction: true,
      checkOrder: true,
      advisoryLockMode: 'wait',
      log: (line: string) => say(line),
    });
    await refuseOldTimescale(client);
    await ensureSettings(client);
    await ensureApiRole(client, say);
    const positions = await describePositionsStore(client);
    say(`positions are stored in ${positions}`);
    return { applied: ran.map(({ name }) => name), positions };
  } finally {
    await client.end();
  }
}

/** Whether `positions` is a hypertable here, or the same table in native range partitions. */
export async function describePositionsStore(database: Queryable): Promise<PositionsStore> {
  const { rows } = await database.query<{ kind: string | null; extension: boolean }>(
    `SELECT (SELECT relkind::text FROM pg_class WHERE oid = to_regclass('positions')) AS kind,
            EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') AS extension`,
  );
  // PostgreSQL sees a hypertable as an ordinary table ('r') and a partitioned table as 'p'.
  return rows[0]?.extension === true && rows[0].kind === 'r' ? 'timescaledb' : 'native-partitions';
}
