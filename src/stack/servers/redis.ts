import { existsSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { Redis } from 'ioredis';
import type { ServerAccount } from '../server-account.ts';
import { PROBE_TIMEOUT_MS, type ServerSpec } from '../server-spec.ts';
import { createServerDir } from '../state-dir.ts';

export interface RedisOptions {
  dir: string;
  account: ServerAccount;
  binary: string;
  persistent: boolean;
}

const PERSISTENT = ['--save', '900 1 300 10 60 10000', '--maxmemory-policy', 'volatile-lru'];
const FORGETTING = ['--save', '', '--maxmemory-policy', 'noeviction'];

export function redisServer({ dir, account, binary, persistent }: RedisOptions): ServerSpec {
  const dataDir = path.join(dir, 'data');
  return {
    name: 'redis',
    title: 'Redis',
    dir,
    account,
    stopSignal: 'SIGTERM',
    busyText: /bind: [Aa]ddress already in use/,
    prepare: async () => {
      createServerDir(dataDir, account);
    },
    command: async (port) => [
      serverProgram(binary, dir),
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      dataDir,
      // Test files run side by side, and each uses databases of its own.
      '--databases',
      '64',
      '--appendonly',
      'no',
      '--maxmemory',
      '2gb',
      ...(persistent ? PERSISTENT : FORGETTING),
    ],
    ready,
  };
}

// Debian's redis-tools has no service, as the package redis-server has, and contains the server under the name
// redis-check-rdb: one program that acts by the name it is called by.
function serverProgram(binary: string, dir: string): string {
  if (path.basename(binary) !== 'redis-check-rdb') return binary;
  const link = path.join(dir, 'redis-server');
  if (!existsSync(link)) symlinkSync(binary, link);
  return link;
}

async function ready(port: number, pid: number): Promise<void> {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: PROBE_TIMEOUT_MS,
    commandTimeout: PROBE_TIMEOUT_MS,
    enableReadyCheck: false,
    // The client does not clear this timer, and its default of 2 s would delay the exit of the process.
    disconnectTimeout: 50,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const found = /^process_id:(\d+)/m.exec(await client.info('server'))?.[1];
    if (found !== String(pid)) throw new Error(`port ${port} is served by process ${found}`);
  } finally {
    client.disconnect();
  }
}
