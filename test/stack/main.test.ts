import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { isRunning } from '../../src/stack/processes.ts';
import { readRunRecords } from '../../src/stack/run-record.ts';
import type { ServerName } from '../../src/stack/stack.ts';
import { type DevCommand, readEnvironment, startDevCommand, stateFolder, until } from '../support/state-folder.ts';

// The dev command's data must outlive it, so these tests share one folder and run in this order.
const baseDir = stateFolder('killed-command');
const stateDir = join(baseDir, 'dev');
const envFile = join(stateDir, 'env');
let command: DevCommand | undefined;

const removeFolder = () => rmSync(baseDir, { recursive: true, force: true });
beforeAll(removeFolder);
afterAll(removeFolder);

async function start(): Promise<DevCommand> {
  command = startDevCommand(baseDir);
  await command.untilUp();
  return command;
}

afterEach(async () => {
  command?.process.kill('SIGTERM');
  await command?.ended;
});

const NAMES: ServerName[] = ['mariadb', 'postgres', 'redis', 'sshd', 'temporal'];

function serverPids(): number[] {
  const records = readRunRecords(stateDir);
  expect(records.map(({ name }) => name).sort()).toEqual(NAMES);
  return records.map(({ pid }) => pid);
}

async function query(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: readEnvironment(envFile)['FLEETGRAPH_POSTGRES_URL'] });
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

test('a folder that a killed initialisation left half-made is made anew', async () => {
  const draft = join(stateDir, 'postgres', 'data.incomplete');
  mkdirSync(draft, { recursive: true });
  writeFileSync(join(draft, 'PG_VERSION'), '9');
  writeFileSync(join(stateDir, '.fleetgraph-state'), '');
  await start();
  expect(await query('select 1 as one')).toEqual([{ one: 1 }]);
}, 120_000);

test('kill -9 of the command leaves no server running, and its data is there at the next start', async () => {
  const first = await start();
  expect((statSync(envFile).mode & 0o777).toString(8)).toBe('600');
  await query('create table kept (id int); insert into kept values (7); checkpoint');
  const pids = serverPids();
  expect(pids.filter(isRunning)).toHaveLength(5);
  first.process.kill('SIGKILL');
  await first.ended;
  await until('all servers are gone', () => !pids.some(isRunning));
  await start();
  expect(await query('select id from kept')).toEqual([{ id: 7 }]);
}, 120_000);

test('SIGTERM stops everything, removes the addresses and keeps the ports for the next start', async () => {
  const first = await start();
  const before = readEnvironment(envFile);
  const pids = serverPids();
  first.process.kill('SIGTERM');
  expect(await first.ended).toBe(0);
  expect(pids.filter(isRunning)).toEqual([]);
  expect(existsSync(envFile)).toBe(false);
  await start();
  expect(readEnvironment(envFile)).toEqual(before);
}, 120_000);

test('a second command on the folder fails and says who holds it', async () => {
  const first = await start();
  const second = startDevCommand(baseDir);
  expect(await second.ended).toBe(1);
  expect(second.output()).toContain(`Cannot start the private servers in ${stateDir}: process ${first.process.pid} (`);
}, 120_000);
