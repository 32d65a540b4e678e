import { chmodSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import type { Stack } from './stack.ts';

const DATABASE = 'fleetgraph';

async function createDatabaseIfMissing(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}

// The addresses as the workers and the command line read them; also makes the database that they name.
export async function writeStackEnv(stack: Stack, file: string): Promise<Record<string, string>> {
  await createDatabaseIfMissing(stack.postgres.url('postgres'));
  const variables: Record<string, string> = {
    FLEETGRAPH_POSTGRES_URL: stack.postgres.url(DATABASE),
    FLEETGRAPH_REDIS_URL: stack.redis.url,
    TEMPORAL_ADDRESS: stack.temporal.address,
    FLEETGRAPH_LEGACY_SSH_HOST: stack.ssh.host,
    FLEETGRAPH_LEGACY_SSH_PORT: String(stack.ssh.port),
    FLEETGRAPH_LEGACY_SSH_USER: stack.ssh.user,
    FLEETGRAPH_LEGACY_SSH_KEY_FILE: stack.ssh.privateKeyFile,
    FLEETGRAPH_LEGACY_SSH_HOST_KEY: stack.ssh.hostKeyFingerprint,
    FLEETGRAPH_LEGACY_MYSQL_HOST: stack.mariadb.host,
    FLEETGRAPH_LEGACY_MYSQL_PORT: String(stack.ssh.mysqlPort),
  };
  const lines = Object.entries(variables).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  // The mode above counts for a new file only.
  chmodSync(file, 0o600);
  return variables;
}
