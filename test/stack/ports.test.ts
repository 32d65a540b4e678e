import net from 'node:net';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { freePort } from '../../src/stack/ports.ts';
import { findOnPath } from '../../src/stack/run-command.ts';
import { serverAccount } from '../../src/stack/server-account.ts';
import { ServerProcess } from '../../src/stack/server-process.ts';
import type { ServerSpec } from '../../src/stack/server-spec.ts';
import { redisServer } from '../../src/stack/servers/redis.ts';
import type { ServerName } from '../../src/stack/stack.ts';
import { createServerDir, createStateDir, removeStateDir } from '../../src/stack/state-dir.ts';
import { stateFolder } from '../support/state-folder.ts';

const NAME: ServerName = 'redis';
const stateDir = stateFolder('ports');
const listeners: net.Server[] = [];
const silenced: net.Socket[] = [];

afterEach(() => {
  for (const listener of listeners.splice(0)) listener.close();
  for (const socket of silenced.splice(0)) socket.destroy();
});
afterAll(() => removeStateDir(stateDir));

// A listener that accepts and stays silent, as a stranger's might: a probe must not wait for it.
function takePort(port: number): Promise<void> {
  const listener = net.createServer((socket) => void silenced.push(socket));
  listeners.push(listener);
  return new Promise((resolve) => listener.listen(port, '127.0.0.1', resolve));
}

async function redisSpec(): Promise<ServerSpec> {
  createStateDir(stateDir);
  const account = await serverAccount();
  const dir = createServerDir(`${stateDir}/${NAME}`, account);
  const spec = redisServer({ dir, account, binary: findOnPath('redis-server') ?? '', persistent: false });
  await spec.prepare();
  return spec;
}

test('a port that is taken is not offered', async () => {
  const port = await freePort();
  expect(await freePort(port)).toBe(port);
  await takePort(port);
  const other = await freePort(port);
  expect(other).not.toBe(port);
  expect(other).toBeGreaterThanOrEqual(61_000);
});

test('a server whose port is taken between the test and its own bind goes to the next one', async () => {
  const spec = await redisSpec();
  const tried: number[] = [];
  const racing: ServerSpec = {
    ...spec,
    command: async (port) => {
      if (tried.push(port) === 1) await takePort(port);
      return spec.command(port);
    },
  };
  const server = new ServerProcess(racing, stateDir, () => {});
  await server.start();
  expect(tried).toHaveLength(2);
  expect(server.port).toBe(tried[1]);
  await server.stop();
});

test('a server that ends for another reason fails at once and shows its log', async () => {
  const spec = await redisSpec();
  const broken: ServerSpec = {
    ...spec,
    command: async (port) => [...(await spec.command(port)), '--no-such-option', '1'],
  };
  const server = new ServerProcess(broken, stateDir, () => {});
  await expect(server.start()).rejects.toThrow(
    /Cannot start Redis on port \d+: it ended with code 1\. The end of .*redis\.log:\n[^]*no-such-option/,
  );
});

test('of a program in Go that panics the reason is told, which stands above its stack', async () => {
  const panics = `echo 'panic: no luck'; for i in $(seq 100); do echo '  a frame of the stack, of many'; done; exit 2`;
  const server = new ServerProcess(
    { ...(await redisSpec()), command: async () => ['sh', '-c', panics] },
    stateDir,
    () => {},
  );
  await expect(server.start()).rejects.toThrow(/it ended with code 2 \(panic: no luck\)\. The end of/);
});

test('a server that dies in service is reported with its log', async () => {
  const lines: string[] = [];
  const server = new ServerProcess(await redisSpec(), stateDir, (line) => lines.push(line));
  await server.start();
  process.kill(server.pid ?? 0, 'SIGKILL');
  while (server.pid !== undefined) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(lines).toEqual([`Redis ended by SIGKILL by itself. Its log: ${server.logFile}`]);
  await server.stop();
});
