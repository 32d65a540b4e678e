import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type ServerPermits, type ServerPermitsOptions, openServerPermits } from '../../src/pool/permits.ts';
import { addServer, emptyFleet } from '../support/fleet-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { type FreshDatabase, freshDatabase } from '../support/stack.ts';

let database: FreshDatabase;
let opened: ServerPermits[] = [];
const pool = () => database.pool;

beforeAll(async () => {
  database = await freshDatabase();
});
beforeEach(async () => {
  await emptyFleet(pool());
  await addServer(pool(), 'depot-1');
  await addServer(pool(), 'depot-2', { first: 11 });
});
afterEach(async () => {
  await Promise.all(opened.map((permits) => permits.close()));
  opened = [];
});
afterAll(() => database.drop());

/** What a worker process has; two of them share nothing but the database. */
async function process(over: Partial<ServerPermitsOptions> = {}): Promise<ServerPermits> {
  const permits = await openServerPermits({
    pool: pool(),
    url: database.url,
    limitOf: async () => 2,
    leaseMs: 10_000,
    pollMs: 60_000,
    ...over,
  });
  opened.push(permits);
  return permits;
}

const rows = async (): Promise<number> => {
  const result = await pool().query<{ n: number }>('SELECT count(*)::int AS n FROM server_permits');
  return result.rows[0]?.n ?? -1;
};
const isPending = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => false), new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 150))]);

test('a third connection waits, and starts as soon as another process gives one back', async () => {
  const one = await process();
  const two = await process();
  const first = await one.connections('depot-1').acquire();
  await two.connections('depot-1').acquire();
  const third = two.connections('depot-1').acquire();
  expect(await isPending(third)).toBe(true);
  // The poll is a minute away: NOTIFY wakes it.
  const begun = Date.now();
  await first.release();
  await third;
  expect(Date.now() - begun).toBeLessThan(5_000);
  expect(await rows()).toBe(2);
});

test('another server, and another kind, are other places', async () => {
  const one = await process({ limitOf: async () => 1 });
  await one.connections('depot-1').acquire();
  await one.connections('depot-2').acquire();
  await one.transfers.acquire('depot-1');
  expect(await isPending(one.transfers.acquire('depot-1'))).toBe(true);
});

test('who holds idle connections is told that one is wanted, by whatever process', async () => {
  const one = await process({ limitOf: async () => 1 });
  const two = await process({ limitOf: async () => 1 });
  const held = await one.connections('depot-1').acquire();
  const other = await one.connections('depot-2').acquire();
  let otherWanted = false;
  other.onWanted(() => (otherWanted = true));
  held.onWanted(() => void held.release());
  await two.connections('depot-1').acquire();
  expect(otherWanted).toBe(false);
});

test('a waiter that is cancelled leaves no place behind and lets the next one through', async () => {
  const one = await process({ limitOf: async () => 1 });
  const held = await one.connections('depot-1').acquire();
  const cancel = new AbortController();
  const waiting = one
    .connections('depot-1')
    .acquire(cancel.signal)
    .catch((error: unknown) => error);
  const behind = one.connections('depot-1').acquire();
  expect(await isPending(waiting)).toBe(true);
  cancel.abort(new Error('cancelled'));
  expect(await waiting).toMatchObject({ message: 'cancelled' });
  await held.release();
  await held.release();
  await behind;
  expect(await rows()).toBe(1);
  await expect(one.connections('depot-1').acquire(AbortSignal.abort(new Error('too late')))).rejects.toThrow(
    'too late',
  );
});

test('the limit is looked up at each try: raised and lowered while running', async () => {
  let limit = 1;
  const one = await process({ limitOf: async () => limit, pollMs: 100 });
  const first = await one.connections('depot-1').acquire();
  const second = one.connections('depot-1').acquire();
  expect(await isPending(second)).toBe(true);
  limit = 2;
  await second;
  limit = 1;
  await first.release();
  expect(await isPending(one.connections('depot-1').acquire())).toBe(true);
});

test('a killed process’s places are free when its lease is out; a living one renews', async () => {
  await pool().query(
    `INSERT INTO server_permits VALUES ('depot-1', 'connection', 'killed', clock_timestamp() + interval '700 ms')`,
  );
  const one = await process({ leaseMs: 900, pollMs: 100 });
  await one.connections('depot-1').acquire();
  const begun = Date.now();
  const after = one.connections('depot-1').acquire();
  expect(await isPending(after)).toBe(true);
  await after;
  expect(Date.now() - begun).toBeLessThan(3_000);
  // Two leases later both are still held.
  await new Promise((resolve) => setTimeout(resolve, 1_900));
  expect(await isPending(one.connections('depot-1').acquire())).toBe(true);
});

test('a process that was stopped for longer than its lease is told that its place is gone', async () => {
  const one = await process({ leaseMs: 600 });
  const held = await one.connections('depot-1').acquire();
  let lost = 0;
  held.onLost(() => (lost += 1));
  // What another process does after the lease ran out.
  await pool().query('DELETE FROM server_permits');
  await eventually(() => expect(lost).toBe(1));
  await held.release();
});

test('close gives every place back and turns waiters away', async () => {
  const one = await process({ limitOf: async () => 1 });
  await one.connections('depot-1').acquire();
  await one.transfers.acquire('depot-2');
  const waiting = one
    .connections('depot-1')
    .acquire()
    .catch((error: unknown) => error);
  expect(await rows()).toBe(2);
  await one.close();
  expect(await waiting).toMatchObject({ message: 'This process is closing: it takes no more permits.' });
  expect(await rows()).toBe(0);
});

test.each(['connection', 'transfer'])(
  'two processes hammering %s places never hold more than the limit',
  async (kind) => {
    await pool().query('DROP TABLE IF EXISTS gauge');
    await pool().query('CREATE TABLE gauge AS SELECT 0 AS inside, 0 AS most, 0 AS entries');
    const limit = 3;
    const work = { url: database.url, serverId: 'depot-1', kind, limit, loops: 6, rounds: 25 };
    const results = await Promise.all([hammer(work), hammer(work)]);
    expect(results).toEqual([
      { code: 0, said: '' },
      { code: 0, said: '' },
    ]);
    const gauge = await pool().query('SELECT inside, most, entries FROM gauge');
    // The limit is reached, or the gauge measured nothing.
    expect(gauge.rows).toEqual([{ inside: 0, most: limit, entries: 2 * 6 * 25 }]);
    expect(await rows()).toBe(0);
  },
);

function hammer(work: object): Promise<{ code: number | null; said: string }> {
  const script = fileURLToPath(new URL('permit-hammer.mjs', import.meta.url));
  const child = spawn(globalThis.process.execPath, [script, JSON.stringify(work)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, said })));
}
