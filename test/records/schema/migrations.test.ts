import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { MIGRATIONS_DIRECTORY, describePositionsStore, migrate } from '../../../src/records/schema/migrations.ts';
import { type FreshDatabase, freshDatabase, sharedStack } from '../../support/stack.ts';

let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());

/** An empty database, not migrated. */
async function emptyDatabase<T>(work: (url: string) => Promise<T>, owner?: string): Promise<T> {
  const name = `empty_${randomBytes(5).toString('hex')}`;
  const { host, port, user } = sharedStack().postgres;
  const admin = new pg.Client({ host, port, user, database: 'postgres' });
  await admin.connect();
  try {
    if (owner) await admin.query(`CREATE ROLE ${owner} LOGIN`);
    await admin.query(`CREATE DATABASE ${name} ${owner ? `OWNER ${owner}` : ''}`);
    return await work(`postgres://${owner ?? user}@${host}:${port}/${name}`);
  } finally {
    await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    if (owner) await admin.query(`DROP ROLE ${owner}`);
    await admin.end();
  }
}

async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

const files = async (): Promise<string[]> =>
  (await readdir(MIGRATIONS_DIRECTORY))
    .filter((name) => name.endsWith('.sql'))
    .map((name) => name.slice(0, -4))
    .sort();

test('every file runs once, in order, and says so; a second time there is nothing to do', async () => {
  await emptyDatabase(async (url) => {
    const said: string[] = [];
    expect((await migrate(url, (line) => said.push(line))).applied).toEqual(await files());
    expect(said.join('\n')).toContain('0001_settings-and-audit');
    const applied = await query<{ name: string }>(url, 'SELECT name FROM schema_migrations ORDER BY id');
    expect(applied.map(({ name }) => name)).toEqual(await files());
    await query(url, `UPDATE system_settings SET value = '9' WHERE key = 'legacy_sync.worker_pool.max_workers'`);
    expect((await migrate(url)).applied).toEqual([]);
    const kept = await query(
      url,
      `SELECT value FROM system_settings WHERE key = 'legacy_sync.worker_pool.max_workers'`,
    );
    expect(kept).toEqual([{ value: '9' }]);
  });
});

test('what the store of positions is, is said, and is what PostgreSQL has', async () => {
  const { rows } = await database.pool.query(
    `SELECT count(*)::int AS extension FROM pg_extension WHERE extname = 'timescaledb'`,
  );
  const positions = rows[0].extension === 1 ? 'timescaledb' : 'native-partitions';
  expect(await describePositionsStore(database.pool)).toBe(positions);
  await emptyDatabase(async (url) => {
    const said: string[] = [];
    expect(await migrate(url, (line) => said.push(line))).toMatchObject({ positions });
    expect(said).toContain(`positions are stored in ${positions}`);
    const notice = 'NOTICE: TimescaleDB is not installed here: positions uses native range partitions';
    expect(said.includes(notice)).toBe(positions === 'native-partitions');
  });
});

test('five processes at once: one migrates, the others wait and find it done', async () => {
  await emptyDatabase(async (url) => {
    const script = `import { migrate } from ${JSON.stringify(new URL('../../../dist/records/schema/migrations.js', import.meta.url).href)};
      const { applied } = await migrate(${JSON.stringify(url)});
      process.stdout.write(String(applied.length));`;
    const run = (): Promise<{ code: number | null; out: string }> => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let out = '';
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      return new Promise((resolve) => child.once('close', (code) => resolve({ code, out })));
    };
    const results = await Promise.all(Array.from({ length: 5 }, run));
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    const count = (await files()).length;
    expect(results.map(({ out }) => Number(out)).sort((a, b) => a - b)).toEqual([0, 0, 0, 0, count]);
  });
});

test('an ordinary role that owns its database can migrate it', async () => {
  const role = `owner_${randomBytes(5).toString('hex')}`;
  await emptyDatabase(async (url) => {
    expect((await migrate(url)).applied).toEqual(await files());
  }, role);
});

test('a value that this version refuses stops the migration by its key, and is not overwritten', async () => {
  await emptyDatabase(async (url) => {
    await migrate(url);
    await query(
      url,
      `UPDATE system_settings SET bounds = '{}', value = '100000' WHERE key = 'legacy_sync.worker_pool.max_workers'`,
    );
    await expect(migrate(url)).rejects.toMatchObject({
      code: 'InvalidSetting',
      message: expect.stringContaining('legacy_sync.worker_pool.max_workers cannot be 100000'),
    });
  });
});

test('a setting that was renamed keeps the value that an operator gave it, and gets the bounds of its new name', async () => {
  await emptyDatabase(async (url) => {
    await migrate(url);
    const [before, now] = ['legacy_sync.transfer.at_once_bytes', 'legacy_sync.transfer.stream_max_bytes'];
    await query(url, `UPDATE system_settings SET key = '${before}', value = '4096' WHERE key = '${now}'`);
    await query(url, await readFile(`${MIGRATIONS_DIRECTORY}/0008_stream-max-bytes.sql`, 'utf8'));
    await migrate(url);
    const rows = await query(
      url,
      `SELECT key, value, bounds FROM system_settings WHERE key IN ('${before}', '${now}')`,
    );
    expect(rows).toEqual([{ key: now, value: '4096', bounds: { minimum: 0, whole: true } }]);
  });
});
