import { afterEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BEGIN, REMOTE_COMMAND, remoteInput } from '../../../src/connections/ssh/remote-command.ts';
import type { SshPool } from '../../../src/connections/ssh/ssh-pool.ts';
import { eventually } from '../../support/eventually.ts';
import { sharedStack } from '../../support/stack.ts';
import { newMark, openPool, processesWith, processGroup, sshTarget } from './ssh-fixture.ts';
import { startSshProxy } from './ssh-proxy.ts';

const { ssh } = sharedStack();
const limits = { timeoutMs: 120_000, niceness: null };
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A script that is silent for minutes, ignores a hang-up, and has children that would outlive it. */
const silentScript = (mark: string) => `# ${mark}\ntrap '' HUP\necho "group $$"\nsleep 600 & sleep 601`;

async function startSilent(pool: SshPool, signal?: AbortSignal) {
  const mark = newMark();
  let group = 0;
  const ended = pool.withSession((shell) =>
    shell.run(silentScript(mark), {
      ...limits,
      signal,
      onStdout: (chunk) => {
        const script = Number(/group (\d+)/.exec(chunk.toString())?.[1]);
        group = Number(readFileSync(`/proc/${script}/stat`, 'utf8').split(' ')[4]);
      },
    }),
  );
  ended.catch(() => {});
  await eventually(() => expect(processGroup(group).length).toBeGreaterThanOrEqual(3));
  return { ended, mark, group: () => group };
}

async function expectGone(running: { mark: string; group: () => number }): Promise<void> {
  await eventually(() => expect([...processesWith(running.mark), ...processGroup(running.group())]).toEqual([]), {
    withinMs: 6_000,
  });
}

function pool(changes = {}) {
  const created = openPool(sshTarget(ssh, changes), { keepaliveMs: 300 });
  cleanups.push(() => created.close());
  return created;
}

describe('remote processes end with the session', () => {
  test('when it is aborted, before the promise settles', async () => {
    const abort = new AbortController();
    const on = pool();
    const running = await startSilent(on, abort.signal);
    abort.abort(new Error('cancelled'));
    await expect(running.ended).rejects.toThrow('cancelled');
    expect(processGroup(running.group())).toEqual([]);
    expect(on.stats()).toMatchObject({ sessions: 0, lost: 0 });
  });

  test('when the pool is closed', async () => {
    const on = pool();
    const running = await startSilent(on);
    await on.close();
    await expectGone(running);
  });

  test('when the connection is reset', async () => {
    const proxy = await startSshProxy(ssh);
    cleanups.push(() => proxy.close());
    const running = await startSilent(pool({ port: proxy.port }));
    proxy.reset();
    await expect(running.ended).rejects.toMatchObject({ code: 'SshConnectionLost' });
    await expectGone(running);
  });

  test('when our process is killed with SIGKILL', async () => {
    const mark = newMark();
    const child = spawnClient(silentScript(mark));
    let group = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      const script = Number(/group (\d+)/.exec(chunk.toString())?.[1]);
      group = Number(readFileSync(`/proc/${script}/stat`, 'utf8').split(' ')[4]);
    });
    await eventually(() => expect(processGroup(group).length).toBeGreaterThanOrEqual(3));
    child.kill('SIGKILL');
    await expectGone({ mark, group: () => group });
  });

  test('when the remote shell is killed: SshConnectionLost, and its children go too', async () => {
    const on = pool();
    const running = await startSilent(on);
    const guard = processesWith('fleetgraph').find((pid) => parentOf(leader(running.group())) === pid);
    expect(guard).toBeDefined();
    process.kill(guard as number, 'SIGKILL');
    await expect(running.ended).rejects.toMatchObject({ code: 'SshConnectionLost' });
    await expectGone(running);
  });

  test('when the script is done and has left a child behind', async () => {
    const on = pool();
    const mark = newMark();
    const script = `# ${mark}\n( trap '' TERM HUP; sleep 600 ) >/dev/null 2>&1 &\necho "group $(cut -d' ' -f5 /proc/$$/stat)"`;
    const { stdout, code } = await on.withSession((shell) => shell.run(script, limits));
    expect(code).toBe(0);
    const group = Number(stdout.split(' ')[1]);
    await expectGone({ mark, group: () => group });
  });
});

const leader = (group: number) => group;
const parentOf = (pid: number) => Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);

/** Another process of ours with a pool, from the built code: a test cannot kill itself. */
function spawnClient(script: string) {
  const dir = mkdtempSync(join(tmpdir(), 'ssh-client-'));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  const dist = (path: string) => pathToFileURL(join(import.meta.dirname, '../../../dist/connections/ssh', path)).href;
  const target = { ...sshTarget(ssh), readKey: undefined };
  const program = `
    import { readFile } from 'node:fs/promises';
    import { createSshPool } from ${JSON.stringify(dist('ssh-pool.js'))};
    import { inProcessPermits } from ${JSON.stringify(dist('in-process-permits.js'))};
    const target = { ...${JSON.stringify(target)}, readKey: () => readFile(${JSON.stringify(ssh.privateKeyFile)}) };
    const five = () => 5, long = () => 10000;
    const limits = { connections: five, sessionsPerConnection: five, connectTimeoutMs: long, keepaliveMs: long, idleProbeMs: long, idleCloseMs: long };
    const logger = { info() {}, warn() {} };
    const pool = createSshPool({ target, limits, permits: inProcessPermits(five), logger });
    await pool.withSession((shell) => shell.run(${JSON.stringify(script)}, {
      timeoutMs: 120000, onStdout: (chunk) => void process.stdout.write(chunk),
    }));`;
  const file = join(dir, 'client.mjs');
  writeFileSync(file, program);
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanups.push(() => child.kill('SIGKILL'));
  return child;
}

test('the command is one that csh and fish read as Bourne shells do', () => {
  expect(REMOTE_COMMAND).not.toMatch(/\n|!(?! )|\\\\/);
  expect(REMOTE_COMMAND.match(/'/g)).toHaveLength(2);
});

describe.each(['dash', 'bash'])('the guard under %s', (shell) => {
  function start(script: string, payload = '', env: NodeJS.ProcessEnv = process.env) {
    const child = spawn(shell, ['-c', REMOTE_COMMAND.replace('/bin/sh', shell)], { env });
    cleanups.push(() => child.kill('SIGKILL'));
    let all = '';
    child.stdout.on('data', (chunk: Buffer) => (all += chunk.toString()));
    child.stdin.write(remoteInput(script, Buffer.from(payload), limits));
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return { child, exit, output: () => all.slice(`${BEGIN}\n`.length) };
  }

  test.each([0, 1, 42, 127])('passes exit code %i through', async (code) => {
    expect(await start(`exit ${code}`).exit).toBe(code);
  });

  test('ends the script when stdin ends, although stdin was the script’s own source too', async () => {
    const running = start('cat; echo ready; sleep 600', 'payload ');
    await eventually(() => expect(running.output()).toBe('payload ready\n'));
    const start_ = Date.now();
    running.child.stdin.end();
    expect(await running.exit).not.toBe(0);
    expect(Date.now() - start_).toBeLessThan(3_000);
  });

  test('kills a script that ignores TERM', async () => {
    const running = start("trap '' TERM; echo ready; while :; do sleep 0.1; done");
    await eventually(() => expect(running.output()).toBe('ready\n'));
    running.child.stdin.end();
    expect(await running.exit).not.toBe(0);
  });

  test.each([5, 40, 70])('runs nothing when stdin ends after %i bytes, before all of it has come', async (bytes) => {
    const child = spawn(shell, ['-c', REMOTE_COMMAND.replace('/bin/sh', shell)]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const input = remoteInput('echo "this must not run"; cat; cat', Buffer.from('x'.repeat(40)), limits);
    child.stdin.end(input.subarray(0, bytes));
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(97);
    expect(output).toBe(`${BEGIN}\n`);
  });

  test('a variable of ours that the login exports does not carry the payload into an environment', async () => {
    const env = { ...process.env, payload: 'old', s: 'old', l: 'old', password: 'old' };
    const running = start('unset password; IFS= read -r password; env', 'the-secret-value\n', env);
    expect(await running.exit).toBe(0);
    expect(running.output()).toContain('PATH=');
    expect(running.output()).not.toContain('the-secret-value');
  });
});
