import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ssh2 from 'ssh2';
import { inProcessPermits } from '../../../src/connections/ssh/in-process-permits.ts';
import type { SshPool } from '../../../src/connections/ssh/ssh-pool.ts';
import { eventually } from '../../support/eventually.ts';
import { sharedStack } from '../../support/stack.ts';
import { openPool, type PoolNumbers, sshTarget } from './ssh-fixture.ts';
import { startSshProxy } from './ssh-proxy.ts';

const { ssh } = sharedStack();
const open: { close(): Promise<void> }[] = [];

function pool(numbers: Partial<PoolNumbers> = {}, changes = {}, permits?: Parameters<typeof openPool>[2]): SshPool {
  const created = openPool(sshTarget(ssh, changes), numbers, permits);
  open.push(created);
  return created;
}

async function proxied(numbers: Partial<PoolNumbers> = {}) {
  const proxy = await startSshProxy(ssh);
  open.push(proxy);
  return { proxy, pool: pool(numbers, { port: proxy.port, host: '127.0.0.1' }) };
}

const run = (on: SshPool, script: string, options = {}) =>
  on.withSession((shell) => shell.run(script, { timeoutMs: 30_000, ...options }), options);

const isInstalled = (program: string): boolean => spawnSync('which', [program]).status === 0;
const SHELLS = ['tcsh', 'fish'];
const missing = SHELLS.filter((shell) => !isInstalled(shell));
if (missing.length > 0) console.log(`a login whose shell is ${missing.join(' or ')} is not tested: not installed here`);

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

describe('running scripts', () => {
  test('gives back exit code, stdout and stderr, and hands the payload to the script as its stdin', async () => {
    const script = 'printf out:; cat; echo err >&2; exit 3';
    const result = await run(pool(), script, { payload: 'one\ntwo "$x" \\n\n' });
    expect(result).toEqual({ code: 3, stdout: 'out:one\ntwo "$x" \\n\n', stderr: 'err\n' });
  });

  test('a payload of a megabyte arrives whole', async () => {
    const payload = 'x'.repeat(1024 * 1024 - 1) + '\n';
    expect((await run(pool(), 'wc -c', { payload })).stdout.trim()).toBe(String(1024 * 1024));
  });

  test('the host ends a script at its time limit', async () => {
    expect(await run(pool(), 'sleep 60', { timeoutMs: 1_000 })).toMatchObject({ code: 124 });
  });

  test('runs with the niceness that was asked for', async () => {
    expect((await run(pool(), 'nice', { niceness: 19 })).stdout.trim()).toBe('19');
  });

  test('a sink that is slow holds back the sender instead of filling memory', async () => {
    let most = 0;
    let taken = 0;
    await run(pool(), 'head -c 20000000 /dev/zero', {
      onStdout: async (chunk: Buffer) => {
        most = Math.max(most, chunk.length);
        taken += chunk.length;
        await new Promise((resolve) => setImmediate(resolve));
      },
    });
    expect(taken).toBe(20_000_000);
    expect(most).toBeLessThanOrEqual(64 * 1024);
  });

  test('what a sink throws ends the session and is the error', async () => {
    const on = pool();
    const failing = run(on, 'yes', {
      onStdout: () => {
        throw new Error('disk full');
      },
    });
    await expect(failing).rejects.toThrow('disk full');
    expect(on.stats()).toMatchObject({ sessions: 0 });
  });
});

describe('a login whose shell has ways of its own', () => {
  const authorized = join(dirname(dirname(ssh.privateKeyFile)), 'sshd', 'authorized_keys');
  const original = readFileSync(authorized, 'utf8');
  const ours = '"$SSH_ORIGINAL_COMMAND"';

  afterAll(() => writeFileSync(authorized, original));

  /** sshd runs `instead` where our command would run, as a login's shell and its files do. */
  function loginThat(instead: string): SshPool {
    const { private: key, public: publicKey } = ssh2.utils.generateKeyPairSync('ed25519');
    appendFileSync(authorized, `command="${instead.replaceAll('"', '\\"')}" ${publicKey}\n`);
    return pool({}, { readKey: async () => Buffer.from(key) });
  }

  test.each([
    [
      'prints lines and a prompt without a newline',
      `echo Welcome; echo mesg >&2; printf '\\033]0;depot\\007$ '; exec sh -c ${ours}`,
    ],
    ['prints more than one packet', `seq 1 30000; exec sh -c ${ours}`],
    ...SHELLS.filter(isInstalled).map((shell) => [`is ${shell}`, `exec ${shell} -c ${ours}`] as const),
  ])('and %s runs scripts, and their output is theirs alone', async (_, instead) => {
    const result = await run(loginThat(instead), 'printf out:; cat; echo err >&2; exit 3', { payload: 'one!\n' });
    expect(result).toEqual({ code: 3, stdout: 'out:one!\n', stderr: 'err\n' });
  });

  test.each([
    ['exits before any command', 'exit 0', /runs no commands: it said nothing and ended with code 0/],
    ['is nologin', '/usr/sbin/nologin', /runs no commands: it said “This account is currently not available\.”/],
    ['is restricted', `exec bash -r -c ${ours}`, /runs no commands: it said “.*restricted”/],
    ['may use SFTP only', 'internal-sftp', /runs no commands/],
  ])('and %s is said to run no commands', async (_, instead, message) => {
    const login = loginThat(instead);
    // sshd does not always tell the exit code of what ends before it has read its input, and then it is tried again.
    await eventually(() =>
      expect(run(login, 'echo out')).rejects.toMatchObject({
        code: 'LegacyToolMissing',
        message: expect.stringMatching(message),
      }),
    );
  });
});

describe('sharing connections', () => {
  test('spreads sessions over connections, up to the limit of connections', async () => {
    const on = pool({ connections: 3 });
    let stop = false;
    const load = Array.from({ length: 20 }, async (_, n) => {
      do expect((await run(on, `sleep 0.1; echo ${n}`)).stdout).toBe(`${n}\n`);
      while (!stop);
    });
    await eventually(() => expect(on.stats().spread.filter((sessions) => sessions > 0)).toHaveLength(3));
    stop = true;
    await Promise.all(load);
    expect(on.stats()).toMatchObject({ connections: 3, opened: 3, refusedSessions: 0, lost: 0, sessions: 0 });
  });

  test('never lends more sessions than connections times sessions per connection', async () => {
    const on = pool({ connections: 1, sessionsPerConnection: 2 });
    let most = 0;
    const queued: boolean[] = [];
    await Promise.all(
      Array.from({ length: 6 }, () =>
        on.withSession(
          async (shell) => {
            most = Math.max(most, on.stats().sessions);
            await shell.run('sleep 0.05', { timeoutMs: 5_000 });
          },
          { onQueued: (waiting) => queued.push(waiting) },
        ),
      ),
    );
    expect(most).toBe(2);
    expect(queued.filter((waiting) => waiting)).toHaveLength(queued.length / 2);
  });

  test('a waiter that gives up leaves the queue, and the others go on', async () => {
    const on = pool({ connections: 1, sessionsPerConnection: 1 });
    const first = run(on, 'sleep 0.5');
    const abort = new AbortController();
    const second = run(on, 'echo never', { signal: abort.signal });
    const third = run(on, 'echo third');
    await eventually(() => expect(on.stats().waiting).toBeGreaterThanOrEqual(2));
    abort.abort(new Error('gave up'));
    await expect(second).rejects.toThrow('gave up');
    await first;
    expect((await third).stdout).toBe('third\n');
    expect(on.stats().waiting).toBe(0);
  });

  test('two pools stay below their common limit, and an idle connection goes to who needs it', async () => {
    const permits = inProcessPermits(() => 1);
    const [one, other] = [pool({}, {}, permits), pool({}, {}, permits)];
    expect((await run(one, 'echo 1')).stdout).toBe('1\n');
    expect((await run(other, 'echo 2')).stdout).toBe('2\n');
    await eventually(() => expect(one.stats().connections + other.stats().connections).toBe(1));
    expect((await run(one, 'echo 3')).stdout).toBe('3\n');
  });

  test('a connection of the caller’s own takes one of the places, also when the limit is one', async () => {
    const on = pool({ connections: 1 });
    await run(on, 'true');
    const during = await on.withOwnConnection(async () => on.stats().connections);
    expect(during).toBe(0);
    expect((await run(on, 'echo back')).stdout).toBe('back\n');
  });

  test('a lowered limit closes connections when their sessions have ended', async () => {
    let limit = 3;
    const on = openPool(sshTarget(ssh), { connections: () => limit });
    open.push(on);
    const load = Array.from({ length: 9 }, () => run(on, 'sleep 2'));
    await eventually(() => expect(on.stats().connections).toBe(3));
    limit = 1;
    await Promise.all(load);
    await eventually(async () => {
      await run(on, 'true');
      expect(on.stats().connections).toBe(1);
    });
    expect(on.stats().lost).toBe(0);
  });

  test('an idle connection is closed after its time', async () => {
    // No more than one: a busy connection asks for a second, which a slow machine may have opened by now.
    const on = pool({ connections: 1, idleProbeMs: 50, idleCloseMs: 300 });
    await run(on, 'true');
    expect(on.stats().connections).toBe(1);
    await eventually(() => expect(on.stats()).toMatchObject({ connections: 0, lost: 0 }));
  });

  test('closing the pool ends its connections and refuses those who wait', async () => {
    const on = pool({ connections: 1, sessionsPerConnection: 1 });
    const running = run(on, 'sleep 30');
    const waiting = run(on, 'echo never');
    running.catch(() => {});
    waiting.catch(() => {});
    await eventually(() => expect(on.stats().waiting).toBe(1));
    await on.close();
    await expect(running).rejects.toMatchObject({ code: 'SshConnectionLost' });
    await expect(waiting).rejects.toMatchObject({ code: 'SshConnectionLost' });
    expect(on.stats().connections).toBe(0);
  });
});

describe('who is on the other side', () => {
  test('another host key is HostKeyMismatch, names both keys and no login is tried', async () => {
    const wrong = `SHA256:${'A'.repeat(43)}`;
    const asked: string[] = [];
    const readKey = sshTarget(ssh).readKey;
    const on = pool({}, { hostKeyFingerprints: [wrong], readKey: () => (asked.push('key'), readKey()) });
    await expect(run(on, 'true')).rejects.toMatchObject({
      code: 'HostKeyMismatch',
      message: expect.stringContaining(ssh.hostKeyFingerprint),
    });
    expect(on.stats().opened).toBe(0);
  });

  test('either of two pinned keys is accepted while a host rotates its key', async () => {
    const on = pool({}, { hostKeyFingerprints: [`SHA256:${'A'.repeat(43)}`, ssh.hostKeyFingerprint] });
    expect((await run(on, 'echo ok')).stdout).toBe('ok\n');
  });

  test('a key that the host does not know is SshAuthRejected, tried once for all who wait', async () => {
    const proxy = await startSshProxy(ssh);
    open.push(proxy);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const stranger = Buffer.from(privateKey.export({ type: 'pkcs1', format: 'pem' }));
    const on = pool({}, { port: proxy.port, readKey: async () => stranger });
    const attempts = await Promise.allSettled(Array.from({ length: 10 }, () => run(on, 'true')));
    for (const attempt of attempts) {
      expect(attempt).toMatchObject({ status: 'rejected', reason: { code: 'SshAuthRejected', retryable: false } });
    }
    expect(proxy.accepted()).toBe(1);
  });

  test('what is no private key is SecretUnavailable, and the message does not show it', async () => {
    const on = pool({}, { readKey: async () => Buffer.from('not-a-key-but-a-secret') });
    const failure = await run(on, 'true').catch((error: Error) => error);
    expect(failure).toMatchObject({ code: 'SecretUnavailable' });
    expect(String((failure as Error).message)).not.toContain('not-a-key');
  });

  test('the host key that a session has met is the pinned one', async () => {
    const key = await pool().withSession(async (shell) => shell.hostKey);
    expect(ssh2.utils.parseKey(key)).not.toBeInstanceOf(Error);
  });
});

describe('a bad link', () => {
  test('nobody listens: SshUnreachable', async () => {
    const proxy = await startSshProxy(ssh);
    await proxy.close();
    await expect(run(pool({}, { port: proxy.port }), 'true')).rejects.toMatchObject({ code: 'SshUnreachable' });
  });

  test('a server that accepts and says nothing: SshUnreachable within the connect timeout', async () => {
    const { proxy, pool: on } = await proxied({ connectTimeoutMs: 500 });
    proxy.setMode('silent');
    const start = Date.now();
    await expect(run(on, 'true')).rejects.toMatchObject({ code: 'SshUnreachable' });
    expect(Date.now() - start).toBeLessThan(3_000);
  });

  test('connections dropped before the handshake, as by MaxStartups, are tried again a little later', async () => {
    const { proxy, pool: on } = await proxied();
    proxy.setMode('drop');
    const result = run(on, 'echo in');
    await eventually(() => expect(proxy.accepted()).toBeGreaterThanOrEqual(2));
    proxy.setMode('pass');
    expect((await result).stdout).toBe('in\n');
  });

  test('a link that goes silent is noticed by keepalive, and the next session works', async () => {
    const { proxy, pool: on } = await proxied({ keepaliveMs: 200 });
    const running = run(on, 'sleep 30');
    await eventually(() => expect(on.stats().sessions).toBe(1));
    await new Promise((resolve) => setTimeout(resolve, 200));
    proxy.setMode('silent');
    const start = Date.now();
    await expect(running).rejects.toMatchObject({ code: 'SshConnectionLost' });
    expect(Date.now() - start).toBeLessThan(3_000);
    proxy.setMode('pass');
    expect((await run(on, 'echo again')).stdout).toBe('again\n');
  });

  test('an orderly close in the middle of a command is no success', async () => {
    const { proxy, pool: on } = await proxied();
    const running = run(on, 'echo begun; sleep 30', { onStdout: () => proxy.finToClient() });
    await expect(running).rejects.toMatchObject({ code: 'SshConnectionLost' });
  });

  test('a reset in the middle of a command is SshConnectionLost, and the pool recovers', async () => {
    const { proxy, pool: on } = await proxied();
    const running = run(on, 'echo begun; sleep 30', { onStdout: () => proxy.reset() });
    await expect(running).rejects.toMatchObject({ code: 'SshConnectionLost' });
    expect((await run(on, 'echo again')).stdout).toBe('again\n');
  });

  test('a connection that died while idle costs the next session nothing', async () => {
    const { proxy, pool: on } = await proxied({ connections: 1 });
    await run(on, 'true');
    proxy.reset();
    expect((await run(on, 'echo again')).stdout).toBe('again\n');
  });
});
