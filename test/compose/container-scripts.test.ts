import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createListener, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findOnPath, runCommand } from '../../src/stack/run-command.ts';
import { giveTo, serverAccount } from '../../src/stack/server-account.ts';
import { readText, root } from './compose-file.ts';

// What runs inside the containers, run on this machine with the same programs from its own packages. Images and mounts need an engine.
const redisServer = findOnPath('redis-server') ?? findOnPath('redis-check-rdb');
const legacyPrograms = ['sshd', 'mariadbd', 'mariadb-install-db', 'setpriv'].map((name) => findOnPath(name));
const redisTest = redisServer === null ? test.skip : test;
const legacyTest = legacyPrograms.includes(null) ? test.skip : test;
if (redisServer === null) console.log('the start of Redis is not tried: this machine has no redis-server');
if (legacyPrograms.includes(null)) console.log('the legacy host is not tried: this machine lacks sshd or MariaDB');

let folder: string;
let started: ChildProcess[];

beforeEach(() => {
  // Not below a folder that only we may enter: the servers run as an account of their own.
  folder = mkdtempSync('/var/tmp/fleetgraph-containers-');
  chmodSync(folder, 0o711);
  started = [];
});
afterEach(async () => {
  await Promise.all(started.map(end));
  rmSync(folder, { recursive: true, force: true });
});

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await new Promise((resolve) => child.once('exit', resolve));
}

function start(command: string, args: string[], env: Record<string, string>): ChildProcess {
  const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  started.push(child);
  return child;
}

async function freePort(): Promise<string> {
  const listener = createListener();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  return String(port);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 30_000; !(await holds()); await sleep(100)) {
    if (performance.now() > deadline) throw new Error(`waited 30 s until ${what}`);
  }
}

test.each([
  'docker/make-env.sh',
  'docker/redis/start.sh',
  'docker/redis/healthy.sh',
  'docker/temporal/schema.sh',
  'docker/temporal/namespace.sh',
  'docker/timescaledb/010-fleetgraph-role.sh',
  'docker/legacy/legacy-host',
])('%s is a script that its shell can read', async (file) => {
  const [, shell] = /^#!\/bin\/(sh|bash)\n/.exec(readText(file)) ?? [];
  expect(await runCommand(`/bin/${shell}`, ['-n', join(root, file)])).toMatchObject({ exitCode: 0, stderr: '' });
});

test('a container is healthy when its page answers, and a worker when it polls too', async () => {
  // A FAKE of the two pages.
  let page = 'temporal_num_pollers{poller_type="workflow_task"} 5\n';
  let status = 200;
  const server = createServer((_request, response) => response.writeHead(status).end(page));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  const healthy = async (...gauge: string[]) => {
    const { exitCode } = await runCommand(process.execPath, [join(root, 'docker/healthy.mjs'), url, ...gauge]);
    return exitCode === 0;
  };
  try {
    expect(await healthy()).toBe(true);
    expect(await healthy('temporal_num_pollers')).toBe(true);
    page = 'temporal_num_pollers{poller_type="workflow_task"} 0\n';
    expect(await healthy('temporal_num_pollers')).toBe(false);
    page = '';
    expect(await healthy('temporal_num_pollers')).toBe(false);
    status = 503;
    expect(await healthy()).toBe(false);
  } finally {
    server.close();
  }
  expect(await healthy()).toBe(false);
});

redisTest(
  'Redis starts with the specified persistence, behind its password, without its dangerous commands',
  async () => {
    symlinkSync(redisServer ?? '', join(folder, 'redis-server'));
    mkdirSync(join(folder, 'data'));
    const port = await freePort();
    const env = {
      PATH: `${folder}:${process.env['PATH']}`,
      REDIS_CONFIG: join(folder, 'redis.conf'),
      REDIS_DIR: join(folder, 'data'),
      REDIS_PASSWORD: 'hexadecimal0123',
      REDIS_PORT: port,
    };
    const child = start('/bin/sh', [join(root, 'docker/redis/start.sh'), '--port', port, '--bind', '127.0.0.1'], env);
    const probe = (password: string) =>
      runCommand('/bin/sh', [join(root, 'docker/redis/healthy.sh')], {
        env: { ...process.env, ...env, REDIS_PASSWORD: password },
      });
    await until('Redis is healthy', async () => (await probe('hexadecimal0123')).exitCode === 0);
    expect((await probe('another')).exitCode).not.toBe(0);

    const ask = async (...words: string[]) =>
      (
        await runCommand('redis-cli', ['-p', port, ...words], {
          env: { ...process.env, REDISCLI_AUTH: 'hexadecimal0123' },
        })
      ).stdout;
    expect(await ask('info', 'memory')).toContain('maxmemory_policy:volatile-lru');
    expect(await ask('set', 'a', '1')).toBe('OK\n');
    // An operator sees what is set, and cannot change it.
    expect(await ask('config', 'get', 'maxmemory')).toBe(`maxmemory\n${2 * 2 ** 30}\n`);
    expect(await ask('config', 'get', 'maxmemory-policy')).toBe('maxmemory-policy\nvolatile-lru\n');
    expect(await ask('config', 'get', 'save')).toBe('save\n900 1 300 10 60 10000\n');
    for (const dangerous of [['flushall'], ['config', 'set', 'save', ''], ['keys', '*']]) {
      expect(await ask(...dangerous)).toContain('NOPERM');
    }
    expect(readFileSync(join(folder, 'redis.conf'), 'utf8')).toContain('save 900 1 300 10 60 10000');
    expect(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')).not.toContain('hexadecimal0123');
  },
);

legacyTest(
  'the legacy host lets its one login in, serves MariaDB, and ends when one of the two has ended',
  async () => {
    const account = await serverAccount();
    const state = join(folder, 'legacy');
    mkdirSync(state, { mode: 0o750 });
    giveTo(account, state);
    const key = join(folder, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const [sshPort, mysqlPort] = [await freePort(), await freePort()];
    const env = {
      LEGACY_STATE: state,
      LEGACY_SSH_PORT: sshPort,
      LEGACY_MYSQL_PORT: mysqlPort,
      LEGACY_BIND: '127.0.0.1',
      LEGACY_AUTHORIZED_KEY: readFileSync(`${key}.pub`, 'utf8').trim(),
    };
    const program = [...account.dropArgs, '--pdeathsig', 'TERM', '/bin/bash', join(root, 'docker/legacy/legacy-host')];
    const healthy = async () =>
      (await runCommand('setpriv', [...program, 'healthy'], { env: { ...process.env, ...env } })).exitCode === 0;
    expect(await healthy()).toBe(false);
    const host = start('setpriv', program, env);
    await until('the legacy host is healthy', healthy);

    const ssh = [
      '-i',
      key,
      '-p',
      sshPort,
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'LogLevel=ERROR',
    ];
    const query = `SELECT CONVERT_TZ('2026-07-01 12:00:00', 'UTC', 'Europe/Belgrade')`;
    const answer = await runCommand('ssh', [
      ...ssh,
      `${account.name}@127.0.0.1`,
      `mariadb --no-defaults -h 127.0.0.1 -P ${mysqlPort} -u root -N -e "${query}"`,
    ]);
    expect(answer).toMatchObject({ exitCode: 0, stdout: '2026-07-01 14:00:00\n' });
    const users = await runCommand('mariadb', [
      '--no-defaults',
      '-h',
      '127.0.0.1',
      '-P',
      mysqlPort,
      '-u',
      'root',
      '-N',
      '-e',
      "SELECT host FROM mysql.user WHERE user = 'root'",
    ]);
    expect(users.stdout.split('\n')).toContain('%');

    const ended = new Promise((resolve) => host.once('exit', resolve));
    process.kill(Number(readFileSync(join(state, 'tmp/mariadbd.pid'), 'utf8')), 'SIGTERM');
    await ended;
    expect(await healthy()).toBe(false);
  },
  90_000,
);
