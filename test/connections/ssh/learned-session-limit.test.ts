import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { SshPool } from '../../../src/connections/ssh/ssh-pool.ts';
import { type Stack, startStack } from '../../../src/stack/stack.ts';
import { stateFolder } from '../../support/state-folder.ts';
import { openPool, sshTarget } from './ssh-fixture.ts';

let stack: Stack;
const pools: SshPool[] = [];

beforeAll(async () => {
  stack = await startStack({
    stateDir: stateFolder('max-sessions'),
    servers: ['mariadb', 'sshd'],
    from: 'binaries',
    sshdExtraConfig: ['MaxSessions 2'],
  });
});
afterAll(() => stack.destroy());
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
});

test('a host that allows fewer sessions than we were told makes requests wait, not fail', async () => {
  const pool = openPool(sshTarget(stack.ssh), { connections: 2, sessionsPerConnection: 8 });
  pools.push(pool);
  const script = (n: number) => pool.withSession((shell) => shell.run(`sleep 0.2; echo ${n}`, { timeoutMs: 20_000 }));
  const results = await Promise.all(Array.from({ length: 16 }, (_, n) => script(n)));
  expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 16 }, (_, n) => `${n}\n`));
  expect(pool.stats()).toMatchObject({ sessions: 0, waiting: 0, lost: 0 });

  const refusedBefore = pool.stats().refusedSessions;
  expect(refusedBefore).toBeGreaterThan(0);
  await Promise.all(Array.from({ length: 16 }, (_, n) => script(n)));
  // The host's limit is remembered: no second storm of refusals. A session that the host has not let go of yet may cost one.
  expect(pool.stats().refusedSessions).toBeLessThanOrEqual(refusedBefore + 2);
});

test('a host that refuses every session is SshSessionRefused after one rebuilt connection', async () => {
  const none = await startStack({
    stateDir: stateFolder('no-sessions'),
    servers: ['mariadb', 'sshd'],
    from: 'binaries',
    sshdExtraConfig: ['MaxSessions 0'],
  });
  try {
    const pool = openPool(sshTarget(none.ssh), {});
    pools.push(pool);
    const refused = pool.withSession((shell) => shell.run('true', { timeoutMs: 5_000 }));
    await expect(refused).rejects.toMatchObject({ code: 'SshSessionRefused' });
    expect(pool.stats().refusedSessions).toBe(2);
    await pool.close();
  } finally {
    await none.destroy();
  }
});
