import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { isDatabaseUnavailable, namingDatabaseFailures } from '../../src/connections/database-errors.ts';
import { inTransaction, openPostgres } from '../../src/connections/postgres.ts';
import { Failure } from '../../src/errors.ts';
import { eventually } from '../support/eventually.ts';
import { type FreshDatabase, freshDatabase } from '../support/stack.ts';

let database: FreshDatabase;
let pool: pg.Pool;
const errors: Error[] = [];
beforeAll(async () => {
  database = await freshDatabase();
  pool = openPostgres(database.url, {
    max: 2,
    applicationName: 'fleetgraph test',
    onError: (error) => errors.push(error),
  });
  await pool.query('CREATE TABLE notes (text text UNIQUE)');
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const notes = async () =>
  (await pool.query<{ text: string }>('SELECT text FROM notes ORDER BY text')).rows.map(({ text }) => text);
const killBackends = () =>
  database.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fleetgraph test'`,
  );

test('a connection carries its name and its time limits', async () => {
  const { rows } = await pool.query(
    `SELECT current_setting('application_name') AS name, current_setting('statement_timeout') AS statement,
            current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle`,
  );
  expect(rows).toEqual([{ name: 'fleetgraph test', statement: '1min', lock: '10s', idle: '1min' }]);
});

test('a transaction commits as a whole or not at all', async () => {
  expect(
    await inTransaction(pool, (client) =>
      client.query(`INSERT INTO notes VALUES ('kept') RETURNING text`).then(({ rows }) => rows),
    ),
  ).toEqual([{ text: 'kept' }]);
  const broken = inTransaction(pool, async (client) => {
    await client.query(`INSERT INTO notes VALUES ('lost')`);
    throw new Error('after the insert');
  });
  await expect(broken).rejects.toThrow('after the insert');
  expect(await notes()).toEqual(['kept']);
});

test('COMMIT of a transaction in which a statement failed unseen is an error, not a success', async () => {
  const swallowed = inTransaction(pool, async (client) => {
    await client.query(`INSERT INTO notes VALUES ('also lost')`);
    await client.query('SELECT 1 / 0').catch(() => undefined);
  });
  await expect(swallowed).rejects.toThrow('rolled back');
  expect(await notes()).not.toContain('also lost');
});

test('a client that broke in a transaction is not used again, and the error is an outage', async () => {
  const killed = inTransaction(pool, async (client) => {
    await client.query(`INSERT INTO notes VALUES ('gone')`);
    await killBackends();
    await client.query('SELECT 1');
  });
  const error: unknown = await killed.catch((thrown: unknown) => thrown);
  expect(isDatabaseUnavailable(error)).toBe(true);
  for (let times = 0; times < 4; times += 1) expect(await notes()).toEqual(['kept']);
});

test('a connection that is killed while idle ends neither the process nor the pool', async () => {
  await notes();
  errors.length = 0;
  await killBackends();
  await eventually(() => expect(errors.length).toBeGreaterThan(0));
  expect(await notes()).toEqual(['kept']);
});

test('outages are told from faults of the statement', async () => {
  const caught = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);
  const nowhere = openPostgres('postgres://postgres@127.0.0.1:1/none', { max: 1, applicationName: 'none' });
  expect(isDatabaseUnavailable(await caught(nowhere.query('SELECT 1')))).toBe(true);
  await nowhere.end();
  const missing = openPostgres(database.url.replace(/[^/]+$/, 'no_such_database'), { max: 1, applicationName: 'none' });
  expect(isDatabaseUnavailable(await caught(missing.query('SELECT 1')))).toBe(false);
  await missing.end();
  expect(isDatabaseUnavailable(await caught(pool.query('SELECT nonsense')))).toBe(false);
  expect(isDatabaseUnavailable(new Failure('DatabaseUnavailable', 'named already'))).toBe(true);
  expect(isDatabaseUnavailable(new Error('outer', { cause: Object.assign(new Error('x'), { code: '57P01' }) }))).toBe(
    true,
  );
  expect(isDatabaseUnavailable(new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })]))).toBe(
    true,
  );
  expect(isDatabaseUnavailable(null)).toBe(false);
});

test('an outage and a full disk get their codes, with what was being done; the rest passes as it is', async () => {
  const name = (error: unknown) => namingDatabaseFailures('Claiming', () => Promise.reject(error as Error));
  const withCode = (code: string) => Object.assign(new Error('x'), { code });
  await expect(name(withCode('57P01'))).rejects.toMatchObject({
    code: 'DatabaseUnavailable',
    message: expect.stringMatching(/^Claiming: /),
  });
  await expect(name(withCode('55P03'))).rejects.toMatchObject({ code: 'DatabaseUnavailable' });
  await expect(name(withCode('53100'))).rejects.toMatchObject({ code: 'DatabaseDiskFull' });
  await expect(name(withCode('42P01'))).rejects.toMatchObject({ code: '42P01' });
  await expect(name(new Failure('NoClaim', 'as it is'))).rejects.toMatchObject({
    code: 'NoClaim',
    message: 'as it is',
  });
});
