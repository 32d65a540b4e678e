import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { isSameProcess } from './processes.ts';
import { readRunRecords } from './run-record.ts';
import type { Stack } from './running-stack.ts';

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

export const stackEnvFile = (stateDir: string): string => path.join(stateDir, 'env');

// Writes the addresses as the workers and the command line read them, and makes the database that they name.
export async function writeStackEnv(stack: Stack): Promise<Record<string, string>> {
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
  const file = stackEnvFile(stack.stateDir);
  const ours = readRunRecords(stack.stateDir).length > 0;
  writeFileSync(file, (ours ? guard(process.pid) : '') + lines.join(''), { mode: 0o600 });
  // The mode above applies to a new file only.
  chmodSync(file, 0o600);
  return variables;
}

// A line that warns a shell when the process that wrote the file has ended, and its servers with it. Containers go on.
const guard = (pid: number): string =>
  `kill -0 ${pid} 2>/dev/null || echo 'fleetgraph: the private servers of process ${pid} run no more' >&2\n`;

export const removeStackEnv = (stateDir: string): void => rmSync(stackEnvFile(stateDir), { force: true });

/** The file with the addresses of a running stack. It removes the file of a killed stack, and reports that. */
export function findStackEnv(stateDir: string, report: (line: string) => void): string | null {
  const file = stackEnvFile(stateDir);
  if (!existsSync(file)) return null;
  const servers = readRunRecords(stateDir);
  // The containers of a compose stack have no run records, and run on without the command that started them.
  if (servers.length === 0 || servers.some(isSameProcess)) return file;
  removeStackEnv(stateDir);
  report(`the private servers of ${stateDir} were killed: their addresses are removed`);
  return null;
}
