import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { type Session, withSession } from '../src/cli/session.ts';
import { openPostgres } from '../src/connections/postgres.ts';
import { runMariadb } from '../src/demo/mariadb.ts';
import { checkoutDir } from '../src/stack/checkout-dir.ts';
import { serverAccount } from '../src/stack/server-account.ts';
import { writeStackEnv } from '../src/stack/stack-env.ts';
import { createServerDir } from '../src/stack/state-dir.ts';
import { waitUntilQuiet } from './cpu-seconds.ts';
import { type Stack, type StackOptions, stackStateDir, startStack } from '../src/stack/stack.ts';

export const CLI = join(checkoutDir(), 'dist/cli/main.js');
/** Database of the contenders that bring their own tables; ours fills `positions` of the stack's own database. */
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

/** Servers of our own, migrated and otherwise empty, for one bench; nothing of them is left afterwards. */
export async function withBench<T>(
  options: Pick<StackOptions, 'sshdExtraConfig'>,
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  const stack = await startStack({
    stateDir: stackStateDir('bench'),
    from: 'binaries',
    ownTemporal: true,
    // What one contender wrote must not be flushed or vacuumed in another one's time.
    postgresSettings: { max_wal_size: '6GB', checkpoint_timeout: '1h', autovacuum: 'off' },
    onProgress: (line) => console.log(line),
    ...options,
  });
  try {
    await setEnvironment(stack);
    await promisify(execFile)(process.execPath, [CLI, 'migrate']);
    // The private server's 32 MB would make every contender wait for the disk: a legacy host has its table in memory.
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

/** Flushes what the last contender left to be written, so that the next one does not pay for it, and waits for a quiet machine. */
export async function settleDown({ ours }: Bench): Promise<void> {
  await ours.query('CHECKPOINT');
  await waitUntilQuiet();
}
