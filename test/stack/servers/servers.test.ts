import { readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { Redis } from 'ioredis';
import pg from 'pg';
import { canListenOn } from '../../../src/stack/ports.ts';
import { allPids, commandLineOf, isRunning, workingDirOf } from '../../../src/stack/processes.ts';
import { runCommand } from '../../../src/stack/run-command.ts';
import { type ServerName, type Stack, startStack } from '../../../src/stack/stack.ts';
import { stateFolder } from '../../support/state-folder.ts';

const NAMES: ServerName[] = ['postgres', 'mariadb', 'sshd', 'redis', 'temporal'];
const stateDir = stateFolder('servers');
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ stateDir, ownTemporal: true, sshdExtraConfig: ['Banner none', 'MaxSessions 7'] });
}, 600_000);

afterAll(() => stack?.destroy());

async function postgres(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: stack.postgres.url('postgres') });
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

async function mariadb(sql: string): Promise<string> {
  const { host, port, user } = stack.mariadb;
  const address = ['-h', host, '-P', String(port), '-u', user];
  const result = await runCommand('mariadb', ['--no-defaults', ...address, '-N', '-B', '-e', sql]);
  expect(result.stderr).toBe('');
  return result.stdout.trim();
}

async function redis<T>(work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(stack.redis.url);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

async function temporal<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: stack.temporal.address });
  try {
    return await work(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

function ssh(command: string) {
  const { host, port, user, privateKeyFile } = stack.ssh;
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'IdentitiesOnly=yes'];
  const args = [...options.flatMap((option) => ['-o', option]), '-i', privateKeyFile, '-p', String(port)];
  return runCommand('ssh', ['-F', 'none', ...args, `${user}@${host}`, command], { timeoutMs: 20_000 });
}

test('PostgreSQL serves its superuser, with the setting that keeps it quick', async () => {
  const rows = await postgres("select current_user::text as who, current_setting('synchronous_commit') as commit");
  expect(rows).toEqual([{ who: 'postgres', commit: 'off' }]);
});

test('MariaDB knows time zones and speaks utf8mb4', async () => {
  const local = await mariadb(
    "select convert_tz('2025-07-01 12:00:00', 'UTC', 'Europe/Belgrade'), @@character_set_server",
  );
  expect(local).toBe('2025-07-01 14:00:00\tutf8mb4');
});

test('sshd lets an unprivileged login in by its key, and keeps the limits of the distribution unless told', async () => {
  const { stdout, stderr } = await ssh('id -un; id -u');
  expect({ stderr, login: stdout.split('\n')[0] }).toEqual({ stderr: '', login: stack.ssh.user });
  expect(Number(stdout.split('\n')[1])).not.toBe(0);
  expect(stack.ssh.hostKeyFingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  const configuration = readFileSync(`${stateDir}/sshd/sshd_config`, 'utf8');
  expect(configuration).toContain('MaxSessions 7\n');
  expect(configuration).not.toContain('MaxStartups');
});

test('Redis of a test stack persists nothing', async () => {
  expect(await redis((client) => client.config('GET', 'save'))).toEqual(['save', '']);
});

test('Temporal has the search attributes of the workflows, and a Web UI', async () => {
  const attributes = await temporal((client) =>
    client.connection.operatorService.listSearchAttributes({ namespace: 'default' }),
  );
  expect(Object.keys(attributes.customAttributes)).toEqual(
    expect.arrayContaining(['VehicleId', 'WorkerSlot', 'FleetRun']),
  );
  const page = await fetch(stack.temporal.uiUrl);
  expect(page.status).toBe(200);
});

test('no server runs as root', () => {
  for (const name of NAMES) {
    const { uid } = statSync(`/proc/${stack.server(name).pid}`);
    expect({ name, isRoot: uid === 0 }).toEqual({ name, isRoot: false });
  }
});

test('each server comes back after kill -9 on the same port', async () => {
  // The stack commits asynchronously, which may forget the last moment: not this one.
  await postgres('set synchronous_commit = on; create table kept (id int); insert into kept values (1)');
  await mariadb('create database kept; create table kept.t (id int); insert into kept.t values (2)');
  for (const name of NAMES) {
    const server = stack.server(name);
    const before = { pid: server.pid, port: server.port };
    await server.kill('SIGKILL');
    expect(server.pid).toBeUndefined();
    await server.restart();
    expect(server.port).toBe(before.port);
    expect(server.pid).not.toBe(before.pid);
  }
  expect(await postgres('select id from kept')).toEqual([{ id: 1 }]);
  expect(await mariadb('select id from kept.t')).toBe('2');
  expect((await ssh('echo back')).stdout).toBe('back\n');
}, 120_000);

test('a killed and a stopped Temporal server keep their workflows', async () => {
  const start = { taskQueue: 'nobody-polls', workflowId: 'kept', args: [] };
  await temporal((client) => client.workflow.start('anything', start));
  const web = stack.temporal.uiUrl;
  await stack.server('temporal').kill('SIGKILL');
  await stack.server('temporal').restart();
  await stack.server('temporal').restart();
  const description = await temporal((client) => client.workflow.getHandle('kept').describe());
  expect(description.status.name).toBe('RUNNING');
  expect(stack.temporal.uiUrl).toBe(web);
}, 60_000);

test('a second start on the folder fails and names the holder', async () => {
  await expect(startStack({ stateDir, servers: ['redis'] })).rejects.toThrow(
    new RegExp(
      `Cannot start the private servers in ${stateDir}: process ${process.pid} \\(.*uses this folder\\. Stop it`,
    ),
  );
});

test('destroy ends every process, sessions and their commands too, and removes the folder', async () => {
  const ports = NAMES.map((name) => stack.server(name).port);
  const session = ssh('exec sleep 601');
  const sleeps = () => allPids().filter((pid) => isRunning(pid) && commandLineOf(pid).trim() === 'sleep 601');
  while (sleeps().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await stack.destroy();
  await session;
  expect(sleeps()).toEqual([]);
  const left = allPids().filter((pid) => isRunning(pid) && workingDirOf(pid)?.startsWith(stateDir));
  expect(left).toEqual([]);
  expect(await Promise.all(ports.map(canListenOn))).toEqual(ports.map(() => true));
  expect(() => statSync(stateDir)).toThrow('ENOENT');
}, 60_000);
