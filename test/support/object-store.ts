import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort } from '../../src/stack/ports.ts';
import { findOnPath } from '../../src/stack/run-command.ts';
import { eventually } from './eventually.ts';
import { findGoTool } from './go-tool.ts';

export interface TestObjectStore {
  endpoint: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Ends the server; its objects stay for the next start. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its objects. */
  remove(): Promise<void>;
}

const BUCKET = 'fleetgraph-test';

/** Starts a private S3-compatible server (versitygw, at the version that tools/s3 pins), or says why there is none. */
export async function startObjectStore(): Promise<TestObjectStore | { missing: string }> {
  const tool = await findGoTool({
    name: 'versitygw',
    folder: 'tools/s3',
    module: 'github.com/versity/versitygw',
    command: 'cmd/versitygw',
  });
  if ('missing' in tool) return tool;
  const folder = mkdtempSync(join(tmpdir(), 'fleetgraph-s3-'));
  const port = await freePort();
  const login = { accessKeyId: 'test-access', secretAccessKey: 'test-secret' };
  let server: ChildProcess | null = null;
  const store: TestObjectStore = {
    ...login,
    endpoint: `http://127.0.0.1:${port}`,
    bucket: BUCKET,
    async start() {
      server = run(tool.program, port, folder, login);
      await eventually(() => createBucket(store));
    },
    async stop() {
      if (server === null || server.exitCode !== null) return;
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
      server = null;
    },
    async remove() {
      await store.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await store.start();
  return store;
}

/** Starts a program that ends with this process, if setpriv is there, so that a killed test run leaves no server behind. */
function run(
  program: string,
  port: number,
  folder: string,
  { accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string },
): ChildProcess {
  const command = [program, '--port', `127.0.0.1:${port}`, '--quiet', 'posix', folder];
  const setpriv = findOnPath('setpriv');
  const [binary = program, ...args] = setpriv === null ? command : [setpriv, '--pdeathsig', 'KILL', ...command];
  const env = { ...process.env, ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey };
  return spawn(binary, args, { stdio: 'ignore', env });
}

async function createBucket({ endpoint, accessKeyId, secretAccessKey }: TestObjectStore): Promise<void> {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
  });
  try {
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  } catch (error) {
    if ((error as Error).name !== 'BucketAlreadyOwnedByYou') throw error;
  } finally {
    client.destroy();
  }
}
