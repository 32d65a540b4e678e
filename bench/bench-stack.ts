import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { type Session, withSession } from '../src/cli/session.ts';
import { openPostgres } from '../src/connections/postgres.ts';
import { runMariadb } from '../src/stack/servers/mariadb-client.ts';
import { checkoutDir } from '../src/stack/checkout-dir.ts';
import { serverAccount } from '../src/stack/server-account.ts';
import { writeStackEnv } from '../src/stack/stack-env.ts';
import { createServerDir } from '../src/stack/state-dir.ts';
import { waitUntilQuiet } from './cpu-seconds.ts';
import { type Stack, type StackOptions, stackStateDir, startStack } from '../src/stack/stack.ts';

export const CLI = join(checkoutDir(), 'dist/cli/main.js');
/** The database of contenders with tables of their own; fleetgraph fills `positions` in the stack's own database. */
const CONTENDERS = 'contenders';

export interface Bench {
  stack: Stack;
  session: Session;
  /** fleetgraph's own database, without the short time limits of the session's pool. */
  ours: pg.Pool;
  contenders: { url: string; pool: pg.Pool };
  /** Belongs to the legacy host's login: dumps are written below it. */
  legacyDir: string;
}

/** Starts servers for one bench, migrated and otherwise empty, and removes them afterwards. */
export async function withBench<T>(
  options: Pick<StackOptions, 'sshdExtraConfig'>,
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  const stack = await startStack({
    stateDir: stackStateDir('bench'),
    from: 'binaries',
    ownTemporal: true,
    // PostgreSQL must not flush or vacuum one contender's rows during another contender's time.
    postgresSettings: { max_wal_size: '6GB', checkpoint_timeout: '1h', autovacuum: 'off' },
    onProgress: (line) => console.log(line),
    ...options,
  });
  try {
    await setEnvironment(stack);
    await promisify(execFile)(process.execPath, [CLI, 'migrate']);
    // A legacy host has its table in memory. With the private server's 32 MB every contender would wait for the disk.
    await runMariadb(stack.mariadb, 'SET GLOBAL innodb_buffer_pool_size = 536870912;');
    await createContendersDatabase(stack);
    return await withSession((session) => withPools(stack, session, work));
  } finally {
    await stack.destroy();
  }
}

async function setEnvironment(stack: Stack): Promise<void> {
  Object.assign(process.env, await writeStackEnv(stack), {
    FLEETGRAPH_STAGING_DIR: join(stack.stateDir, 'staging'),
    FLEETGRAPH_LOG_LEVEL: 'warn',
  });
}

async function createContendersDatabase(stack: Stack): Promise<void> {
  const client = new pg.Client({ connectionString: stack.postgres.url('postgres') });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${CONTENDERS}`);
  } finally {
    await client.end();
  }
}

async function withPools<T>(stack: Stack, session: Session, work: (bench: Bench) => Promise<T>): Promise<T> {
  const open = (url: string): pg.Pool =>
    openPostgres(url, { max: 4, applicationName: 'fleetgraph bench', statementTimeoutMs: 300_000 });
  const ours = open(session.config.postgresUrl);
  const contenders = { url: stack.postgres.url(CONTENDERS), pool: open(stack.postgres.url(CONTENDERS)) };
  const legacyDir = createServerDir(join(stack.stateDir, 'legacy-dumps'), await serverAccount());
  try {
    return await work({ stack, session, ours, contenders, legacyDir });
  } finally {
    await Promise.all([ours.end(), contenders.pool.end()]);
  }
}

/** Flushes what the last contender wrote, so that it costs the next one no time, and waits until the machine is quiet. */
export async function settleDown({ ours }: Bench): Promise<void> {
  await ours.query('CHECKPOINT');
  await waitUntilQuiet();
}
