import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/records/schema/migrations.ts';
import type { Stack } from '../../src/stack/stack.ts';
import { runMariadb } from '../../src/stack/servers/mariadb-client.ts';

/** The addresses of the servers that jest's global set-up started. Tests that kill a server start a stack of their own. */
export type SharedStack = Pick<Stack, 'stateDir' | 'postgres' | 'mariadb' | 'ssh' | 'redis' | 'temporal'>;

export function sharedStack(): SharedStack {
  const description = process.env.FLEETGRAPH_TEST_STACK;
  if (description === undefined) {
    throw new Error('This test needs servers, and none were started: run it by `npm test -- <file>`, without --unit.');
  }
  const stack = JSON.parse(description) as SharedStack;
  const { host, port, user } = stack.postgres;
  stack.postgres.url = (database) => `postgres://${user}@${host}:${port}/${database}`;
  return stack;
}

const uniqueName = (prefix: string): string => `${prefix}_${randomBytes(5).toString('hex')}`;

export interface FreshDatabase {
  url: string;
  pool: pg.Pool;
  drop(): Promise<void>;
}

/** A PostgreSQL database of the test's own, with every migration applied. */
export async function freshDatabase(postgres: Stack['postgres'] = sharedStack().postgres): Promise<FreshDatabase> {
  const name = uniqueName('test');
  await onMaintenance(postgres, async (client) => {
    await ensureTemplate(client, postgres);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
  });
  const url = postgres.url(name);
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  // A test may kill the server under the pool: an idle client's error must not end the process.
  pool.on('error', () => {});
  return {
    url,
    pool,
    drop: async () => {
      await pool.end();
      await onMaintenance(postgres, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}

/** The migrations take a second, a copy of what they made a sixth of it. */
const TEMPLATE = 'fleetgraph_migrated';

/** Makes the template once in a server, whichever test comes first. */
async function ensureTemplate(client: pg.Client, postgres: Stack['postgres']): Promise<void> {
  await client.query(`SELECT pg_advisory_lock(hashtext('${TEMPLATE}'))`);
  const made = await client.query('SELECT FROM pg_database WHERE datname = $1 AND datistemplate', [TEMPLATE]);
  if (made.rowCount === 0) {
    await client.query(`DROP DATABASE IF EXISTS ${TEMPLATE} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${TEMPLATE}`);
    await migrate(postgres.url(TEMPLATE), () => {});
    await client.query(`ALTER DATABASE ${TEMPLATE} IS_TEMPLATE true`);
  }
  await client.query(`SELECT pg_advisory_unlock(hashtext('${TEMPLATE}'))`);
}

async function onMaintenance({ host, port, user }: Stack['postgres'], use: (client: pg.Client) => Promise<unknown>) {
  const client = new pg.Client({ host, port, user, database: 'postgres' });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

export interface LegacyDatabase {
  name: string;
  query(sql: string): Promise<void>;
  drop(): Promise<void>;
  /** A user that may only SELECT, and only in this schema. */
  user: string;
  password: string;
  passwordRef: string;
}

/** A MariaDB schema of the test's own, with a user such as an operator makes for fleetgraph. */
export async function legacyDatabase(
  mariadb: Stack['mariadb'] = sharedStack().mariadb,
  secretsDir: string = sharedStack().stateDir,
): Promise<LegacyDatabase> {
  const name = uniqueName('legacy');
  const user = uniqueName('reader');
  const password = `Secret-${randomBytes(12).toString('hex')}`;
  const passwordFile = join(secretsDir, `${user}.password`);
  await writeFile(passwordFile, password, { mode: 0o600 });
  await runMariadb(
    mariadb,
    `CREATE DATABASE ${name} CHARACTER SET utf8mb4;
     CREATE USER '${user}'@'127.0.0.1' IDENTIFIED BY '${password}';
     GRANT SELECT ON ${name}.* TO '${user}'@'127.0.0.1';`,
  );
  return {
    name,
    user,
    password,
    passwordRef: `file:${passwordFile}`,
    query: (sql) => runMariadb(mariadb, sql, name).then(() => undefined),
    drop: () => runMariadb(mariadb, `DROP DATABASE ${name}; DROP USER '${user}'@'127.0.0.1';`).then(() => undefined),
  };
}
