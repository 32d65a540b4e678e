import { afterEach, expect, test } from '@jest/globals';
import { isDatabaseUnavailable } from '../../src/connections/database-errors.ts';
import { listen } from '../../src/connections/listen.ts';
import { inTransaction, openPostgres } from '../../src/connections/postgres.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { sharedStack } from '../support/stack.ts';

// The way to PostgreSQL swallows all bytes and closes nothing, as when a host or a firewall on the way has forgotten its connections.

let link: FaultProxy | null = null;
afterEach(async () => {
  await link?.close();
  link = null;
});

async function linked(): Promise<{ link: FaultProxy; url: string }> {
  const { postgres } = sharedStack();
  link = await startFaultProxy(postgres);
  const url = new URL(postgres.url('postgres'));
  url.port = String(link.port);
  return { link, url: url.href };
}

test('a connection that has gone without a word is given up, in a transaction too, and the pool works on', async () => {
  const { link, url } = await linked();
  const pool = openPostgres(url, { max: 1, applicationName: 'test silent', queryTimeoutMs: 300 });
  const failures: unknown[] = [];
  for (const work of [() => pool.query('SELECT 1'), () => inTransaction(pool, (client) => client.query('SELECT 1'))]) {
    await pool.query('SELECT 1');
    link.set({ kind: 'blackhole' });
    await work().catch((error: unknown) => failures.push(error));
    // What went silent stays so: only a new connection can answer.
    link.set({ kind: 'pass' });
  }
  expect(failures.map(isDatabaseUnavailable)).toEqual([true, true]);
  expect((await pool.query('SELECT 1')).rowCount).toBe(1);
  await pool.end();
});

test('whoever listens notices that the connection has gone without a word, and listens anew', async () => {
  const { link, url } = await linked();
  let [listening, heard] = [0, ''];
  const listener = await listen(url, {
    channel: 'test_silent',
    onPayload: (payload) => (heard = payload),
    onListening: () => (listening += 1),
    reconnectMs: 50,
    askMs: 500,
    answerMs: 300,
  });
  link.set({ kind: 'blackhole' });
  await new Promise((resolve) => setTimeout(resolve, 700));
  link.set({ kind: 'pass' });
  await eventually(() => expect(listening).toBe(2), { withinMs: 10_000, everyMs: 50 });
  const pool = openPostgres(sharedStack().postgres.url('postgres'), { max: 1, applicationName: 'test silent' });
  await pool.query(`NOTIFY test_silent, 'news'`);
  await eventually(() => expect(heard).toBe('news'), { withinMs: 10_000, everyMs: 50 });
  await pool.end();
  await listener.close();
});
