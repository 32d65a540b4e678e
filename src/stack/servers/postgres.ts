import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { makeDataFolderOnce } from '../data-folder.ts';
import { runCommand } from '../run-command.ts';
import { runAsAccount, type ServerAccount } from '../server-account.ts';
import { PROBE_TIMEOUT_MS, type ServerSpec } from '../server-spec.ts';

export interface PostgresOptions {
  dir: string;
  account: ServerAccount;
  binDir: string;
  settings: Record<string, string>;
}

// No Unix socket: its path may have at most 107 bytes, and the path of a state folder may be longer.
const ADDRESS = { listen_addresses: '127.0.0.1', unix_socket_directories: '' };

export async function postgresServer(options: PostgresOptions): Promise<ServerSpec> {
  const dataDir = path.join(options.dir, 'data');
  const pidFile = path.join(dataDir, 'postmaster.pid');
  const settings = { ...(await extensionSettings(options.binDir)), ...options.settings };
  return {
    name: 'postgres',
    title: 'PostgreSQL',
    dir: options.dir,
    account: options.account,
    // SIGINT is PostgreSQL's "fast" shutdown; SIGTERM would wait until every client has left.
    stopSignal: 'SIGINT',
    busyText: /could not bind .*Address already in use/,
    prepare: () => initialise(options, dataDir),
    // PostgreSQL refuses to start when the pid in this file is alive, be it of another process or of a zombie. The
    // sweep has made sure that no server uses the folder.
    beforeStart: async () => rmSync(pidFile, { force: true }),
    command: async (port) => [
      path.join(options.binDir, 'postgres'),
      '-D',
      dataDir,
      ...Object.entries({ ...settings, ...ADDRESS, port }).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ],
    ready: (port, pid) => ready(pidFile, port, pid),
  };
}

async function initialise(options: PostgresOptions, dataDir: string): Promise<void> {
  await makeDataFolderOnce(dataDir, options.account, async (dir) => {
    const initdb = [path.join(options.binDir, 'initdb'), '-D', dir, '-U', 'postgres', '-A', 'trust'];
    await runAsAccount(
      options.account,
      [...initdb, '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync', '--no-instructions'],
      { what: `initialise PostgreSQL in ${dir}`, cwd: dir },
    );
  });
  const found = readFileSync(path.join(dataDir, 'PG_VERSION'), 'utf8').trim();
  const version = await runCommand(path.join(options.binDir, 'postgres'), ['--version']);
  if (!version.stdout.includes(` ${found}.`)) {
    throw new Error(
      `Cannot start PostgreSQL: ${dataDir} was written by version ${found}, found is "${version.stdout.trim()}" in ` +
        `${options.binDir}. Install PostgreSQL ${found}, or delete ${path.dirname(dataDir)} to begin with an empty database.`,
    );
  }
}

async function extensionSettings(binDir: string): Promise<Record<string, string>> {
  const sharedDir = await runCommand(path.join(binDir, 'pg_config'), ['--sharedir']);
  const byVersion = /\/postgresql\/(\d+)\/bin$/.exec(binDir)?.[1];
  const shared = sharedDir.exitCode === 0 ? sharedDir.stdout.trim() : `/usr/share/postgresql/${byVersion}`;
  if (!existsSync(path.join(shared, 'extension', 'timescaledb.control'))) return {};
  return { shared_preload_libraries: 'timescaledb', 'timescaledb.telemetry_level': 'off' };
}

// An open port is no proof: a crashed server may still recover, or the port may belong to another server.
async function ready(pidFile: string, port: number, pid: number): Promise<void> {
  const lines = readFileSync(pidFile, 'utf8').split('\n');
  if (lines[0]?.trim() !== String(pid)) throw new Error(`${pidFile} names process ${lines[0]}`);
  if (lines[7]?.trim() !== 'ready') throw new Error(`${pidFile} says "${lines[7]?.trim()}"`);
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
    ssl: false,
    password: '',
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
    query_timeout: PROBE_TIMEOUT_MS,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('select 1');
  } finally {
    await client.end();
  }
}
