import { readFileSync, readdirSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runMariadb } from '../../src/stack/servers/mariadb-client.ts';
import { type Fleet, openFleet } from '../support/fleet.ts';
import { expectInvariants } from '../support/invariants.ts';

/**
 * Everything is run with secrets that are random, once by each way of transfer and once with a login that MySQL refuses; then they are
 * looked for everywhere a person or a tool could read. In each place something that must be there is looked for too: a search that sees
 * nothing finds no secret either.
 */
let fleet: Fleet;
let seen: Set<string>;
let live: Set<string>;

beforeAll(async () => {
  fleet = await openFleet();
  seen = new Set();
  live = new Set();
  const redis = new Redis(fleet.stack.redis.url);
  await fleet.addVehicles(3, { rows: 2_000, padding: 300 });
  await fleet.startWorker({ env: { FLEETGRAPH_LOG_LEVEL: 'trace' } });
  let looking = Promise.resolve();
  const watchers = [
    setInterval(() => processesNow().forEach((text) => seen.add(text)), 20),
    setInterval(() => {
      looking = looking.then(() => redisNow(redis)).then((texts) => texts.forEach((text) => live.add(text)));
    }, 200),
  ];
  for (const method of ['exec', 'sftp', 'scp']) {
    await fleet.set({ 'transfer.method': method });
    for (const id of ['1', '2', '3']) await fleet.addRows(id, 2_000, 300);
    expect(await fleet.cli('sync', '--all')).toMatchObject({ status: 0 });
  }
  await expectInvariants(fleet, ['1', '2', '3']);
  await fleet.addRows('1', 10);
  await runMariadb(
    fleet.stack.mariadb,
    `SET PASSWORD FOR '${fleet.legacy.user}'@'127.0.0.1' = PASSWORD('another one')`,
  );
  const refused = await fleet.cli('sync', '--vehicles', '1');
  expect(refused.stdout).toMatch(/LegacyDatabaseAccessDenied/);
  await fleet.cli('doctor');
  watchers.forEach(clearInterval);
  // A look that is under way would end as an error that nobody takes.
  await looking;
  redis.disconnect();
}, 180_000);
afterAll(() => fleet.close());

/** Command lines and environments of all processes there are, our test's own ones aside. */
function processesNow(): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && Number(pid) !== process.ppid)
    .flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`])
    .map((file) => {
      try {
        return readFileSync(file, 'latin1');
      } catch {
        return '';
      }
    });
}

async function redisNow(redis: Redis): Promise<string[]> {
  const { rows: runs } = await fleet.pool.query<{ id: string }>('SELECT run_id AS id FROM sync_runs');
  const found = await Promise.all(runs.map(({ id }) => redis.keys(`*${id}*`)));
  return Promise.all(found.flat().map(async (key) => `${key} ${JSON.stringify(await redis.hgetall(key))}`));
}

/** The password, and the lines of the private key's body. */
function secrets(): string[] {
  const key = readFileSync(fleet.stack.ssh.privateKeyFile, 'utf8')
    .split('\n')
    .filter((line) => /^[A-Za-z0-9+/=]{20,}$/.test(line))
    // The first line says only what kind of key it is.
    .slice(1);
  expect(key.length).toBeGreaterThan(2);
  return [fleet.legacy.password, ...key].flatMap((secret) => [
    secret,
    Buffer.from(secret).toString('base64').slice(0, 24),
  ]);
}

function expectNoSecret(text: string, expected: string): void {
  expect(text.includes(expected)).toBe(true);
  // Not expect(text): a failure would print it all, the secret in it.
  expect(secrets().filter((secret) => text.includes(secret)).length).toBe(0);
}

test('no history holds one', async () => {
  let histories = '';
  for await (const { workflowId, runId } of fleet.client.workflow.list()) {
    const { stdout } = await fleet.temporal('workflow', 'show', '-w', workflowId, '-r', runId, '--output', 'json');
    histories += stdout;
  }
  // Payloads are base64 where the command does not show them as JSON.
  const payloads = [...histories.matchAll(/"data":\s*"([A-Za-z0-9+/=]+)"/g)].map(([, data]) =>
    Buffer.from(data!, 'base64').toString(),
  );
  expectNoSecret([histories, ...payloads].join('\n'), '"label":"bus-1"');
  expect(histories.match(/"exportRange"/g)!.length).toBeGreaterThanOrEqual(9);
});

test('no row in PostgreSQL holds one', async () => {
  const { rows: tables } = await fleet.pool.query<{ name: string }>(
    `SELECT quote_ident(table_name) AS name FROM information_schema.tables
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'positions%'`,
  );
  const contents = await Promise.all(
    tables.map(({ name }) => fleet.pool.query<{ row: string }>(`SELECT t::text AS row FROM ${name} AS t`)),
  );
  expectNoSecret(contents.flatMap(({ rows }) => rows.map(({ row }) => row)).join('\n'), fleet.legacy.user);
});

test('no key in Redis held one while it ran', () => {
  expectNoSecret([...live].join('\n'), 'bus-1');
});

test("no line of the worker's log holds one, at its most talkative", () => {
  expectNoSecret(readFileSync(fleet.logFile, 'utf8'), 'the worker polls');
});

test('no command line and no environment of any process held one', () => {
  const text = [...seen].join('\n');
  expectNoSecret(text, fleet.remoteDir);
  // What had to be told was told where nobody else reads: our own processes and those on the legacy host were seen.
  expect(text).toMatch(/mariadb-dump\0|mysqldump\0/);
  expect(text.includes('FLEETGRAPH_STAGING_DIR')).toBe(true);
});
