import { slotBuffers } from '../../../../src/settings/slot-buffers.ts';
import { defaultSettings } from '../../../../src/settings/legacy-sync.ts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { transferFile, type TransferRequest } from '../../../../src/activities/legacy-sync/transfer/transfer.ts';
import { openLocalStaging } from '../../../../src/activities/legacy-sync/transfer/local-staging.ts';
import type { ExportManifest } from '../../../../src/workflows/legacy-sync/activities.ts';
import { openPool, sshTarget } from '../../../connections/ssh/ssh-fixture.ts';
import { eventually } from '../../../support/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../../../support/fault-proxy.ts';
import { sharedStack } from '../../../support/stack.ts';
import { type LegacyHostFixture, legacyHostFixture } from '../legacy-host/legacy-host-fixture.ts';

const { ssh } = sharedStack();
const SIZE = 8 * 1024 * 1024;
let fixture: LegacyHostFixture;
let manifest: ExportManifest;
let content: Buffer;
let proxy: FaultProxy;

beforeAll(async () => {
  fixture = await legacyHostFixture();
  content = randomBytes(SIZE);
  const file = `${fixture.server.remoteDirectory}/1/run/0-10.sql.zst`;
  await fixture.remote(`mkdir -p ${file.replace(/[^/]*$/, '')}`);
  await fixture.pool.withSession((shell) =>
    shell.run(`base64 -d >${file}`, { timeoutMs: 60_000, payload: content.toString('base64') }),
  );
  const sha256 = createHash('sha256').update(content).digest('hex');
  manifest = {
    file,
    compression: 'zstd',
    fromId: '1',
    watermark: '0',
    toId: '10',
    rows: 10,
    bytes: SIZE,
    sha256,
    last: true,
  };
  proxy = await startFaultProxy({ host: ssh.host, port: ssh.port });
});
afterEach(() => proxy.set({ kind: 'pass' }));
afterAll(async () => {
  await proxy.close();
  await fixture.close();
});

const newFile = () => join(fixture.localDir, `${randomUUID()}.sql.zst`);

function request(changes: Partial<TransferRequest> & { localFile: string }): TransferRequest {
  return {
    pool: fixture.pool,
    target: sshTarget(ssh),
    manifest,
    method: 'exec',
    minFreeBytes: 0,
    stallBytesPerSecond: 1,
    stallMs: 30_000,
    buffers: slotBuffers(defaultSettings()),
    ...changes,
  };
}

/** A pool of its own through the proxy, so that a fault harms nobody else. */
async function throughProxy<T>(work: (parts: Pick<TransferRequest, 'pool' | 'target'>) => Promise<T>): Promise<T> {
  const target = sshTarget(ssh, { host: proxy.host, port: proxy.port });
  const pool = openPool(target, { keepaliveMs: 300 });
  try {
    return await work({ pool, target });
  } finally {
    await pool.close();
  }
}

describe.each(['exec', 'sftp', 'scp'] as const)('by %s', (method) => {
  test('brings the file over, readable by us alone, and leaves no part', async () => {
    const localFile = newFile();
    const seen: number[] = [];
    await transferFile(request({ localFile, method, onProgress: (bytes) => seen.push(bytes) }));
    expect((await readFile(localFile)).equals(content)).toBe(true);
    expect((await stat(localFile)).mode & 0o777).toBe(0o600);
    expect(existsSync(`${localFile}.part`)).toBe(false);
    expect(seen.at(-1)).toBe(SIZE);
  });

  test('a complete file of an earlier attempt is taken as it is; a wrong one is fetched anew', async () => {
    const localFile = newFile();
    await writeFile(localFile, content);
    const before = statSync(localFile).ino;
    await transferFile(request({ localFile, method }));
    expect(statSync(localFile).ino).toBe(before);
    await writeFile(localFile, Buffer.alloc(SIZE));
    await transferFile(request({ localFile, method }));
    expect((await readFile(localFile)).equals(content)).toBe(true);
  });

  test('a file that is not the exported one is TransferFailed, and no part is kept', async () => {
    const localFile = newFile();
    const other = { ...manifest, sha256: '0'.repeat(64) };
    await expect(transferFile(request({ localFile, method, manifest: other }))).rejects.toMatchObject({
      code: 'TransferFailed',
    });
    const longer = { ...manifest, bytes: SIZE + 1 };
    await expect(transferFile(request({ localFile, method, manifest: longer }))).rejects.toMatchObject({
      code: 'TransferFailed',
    });
    const shorter = { ...manifest, bytes: 1_000 };
    await expect(transferFile(request({ localFile, method, manifest: shorter }))).rejects.toMatchObject({
      code: 'TransferFailed',
    });
    expect(existsSync(localFile)).toBe(false);
    expect(existsSync(`${localFile}.part`)).toBe(false);
  });

  test('a remote file that is gone is TransferFailed', async () => {
    const gone = { ...manifest, file: `${manifest.file}.gone` };
    await expect(transferFile(request({ localFile: newFile(), method, manifest: gone }))).rejects.toMatchObject({
      code: 'TransferFailed',
    });
  });

  test('follows no link that somebody put in its place', async () => {
    const localFile = newFile();
    const victim = newFile();
    await writeFile(victim, 'precious');
    await symlink(victim, `${localFile}.part`);
    await transferFile(request({ localFile, method })).catch(() => {});
    expect(await readFile(victim, 'utf8')).toBe('precious');
  });

  test('leaves free what is to stay free: LocalDiskFull before a byte has come', async () => {
    const failing = transferFile(request({ localFile: newFile(), method, minFreeBytes: 1e18 }));
    await expect(failing).rejects.toMatchObject({ code: 'LocalDiskFull' });
  });

  test('slower than the limit is TransferStalled', async () => {
    await throughProxy(async (parts) => {
      await parts.pool.withSession((shell) => shell.run('true', { timeoutMs: 5_000 }));
      proxy.set({ kind: 'rate', bytesPerSecond: 100_000 });
      const stalled = request({
        localFile: newFile(),
        method,
        ...parts,
        stallBytesPerSecond: 2_000_000,
        stallMs: 1_000,
      });
      await expect(transferFile(stalled)).rejects.toMatchObject({ code: 'TransferStalled' });
      proxy.set({ kind: 'pass' });
    });
  });

  test('cancelled, it ends at once and nothing goes on', async () => {
    await throughProxy(async (parts) => {
      const localFile = newFile();
      await parts.pool.withSession((shell) => shell.run('true', { timeoutMs: 5_000 }));
      proxy.set({ kind: 'rate', bytesPerSecond: 500_000 });
      const abort = new AbortController();
      const failing = transferFile(request({ localFile, method, ...parts, signal: abort.signal })).catch(
        (error: unknown) => error,
      );
      await eventually(() => expect(statSync(`${localFile}.part`).size).toBeGreaterThan(0));
      abort.abort(new Error('cancelled'));
      expect(await failing).toMatchObject({ message: 'cancelled' });
      const { size } = statSync(`${localFile}.part`);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(statSync(`${localFile}.part`).size).toBe(size);
      proxy.set({ kind: 'pass' });
    });
  });

  test('a reset on the way is a failure that may be tried again, and the next attempt succeeds', async () => {
    await throughProxy(async (parts) => {
      const localFile = newFile();
      await parts.pool.withSession((shell) => shell.run('true', { timeoutMs: 5_000 }));
      proxy.set({ kind: 'cut-after', bytes: SIZE / 2 });
      const failure = await transferFile(request({ localFile, method, ...parts })).catch((error: unknown) => error);
      expect(failure).toMatchObject({ retryable: true });
      proxy.set({ kind: 'pass' });
      await transferFile(request({ localFile, method, ...parts }));
      expect((await readFile(localFile)).equals(content)).toBe(true);
    });
  });
});

test.each(['exec', 'sftp', 'scp'] as const)('tells what the line gives, without the way to it (%s)', async (method) => {
  const RATE = 2_000_000;
  await throughProxy(async (parts) => {
    proxy.set({ kind: 'rate', bytesPerSecond: RATE });
    const heard: [number, number][] = [];
    const onLine = async (bytes: number, seconds: number) => void heard.push([bytes, seconds]);
    await transferFile(request({ localFile: newFile(), method, ...parts, onLine }));
    expect(heard).toHaveLength(1);
    const [bytes, seconds] = heard[0]!;
    expect(bytes).toBeGreaterThan(SIZE / 2);
    expect(bytes).toBeLessThan(SIZE);
    expect(bytes / seconds).toBeLessThan(1.5 * RATE);
    expect(bytes / seconds).toBeGreaterThan(RATE / 10);
  });
});

describe.each(['exec', 'sftp'] as const)('resuming by %s', (method) => {
  test.each([0, 1, 4_096, SIZE / 2, SIZE - 1, SIZE])('goes on behind the %i bytes that are here', async (bytes) => {
    const localFile = newFile();
    await writeFile(`${localFile}.part`, content.subarray(0, bytes));
    const received: number[] = [];
    await throughProxy((parts) =>
      transferFile(request({ localFile, method, ...parts, onProgress: (at) => received.push(at) })),
    );
    expect((await readFile(localFile)).equals(content)).toBe(true);
    expect(Math.min(...received)).toBeGreaterThanOrEqual(bytes);
  });

  test('sends only what is missing', async () => {
    const localFile = newFile();
    await writeFile(`${localFile}.part`, content.subarray(0, SIZE - 1_000));
    await throughProxy(async (parts) => {
      await parts.pool.withSession((shell) => shell.run('true', { timeoutMs: 5_000 }));
      // A fiftieth of the file may pass: the whole of it could not.
      proxy.set({ kind: 'cut-after', bytes: SIZE / 50 });
      await transferFile(request({ localFile, method, ...parts }));
    });
    expect((await readFile(localFile)).equals(content)).toBe(true);
  });

  test('a part of another file does not spoil this one', async () => {
    const localFile = newFile();
    await writeFile(`${localFile}.part`, randomBytes(SIZE / 2));
    await transferFile(request({ localFile, method }));
    expect((await readFile(localFile)).equals(content)).toBe(true);
  });
});

describe('a full local disk', () => {
  let mount: string | null = null;
  beforeAll(async () => {
    const dir = join(fixture.localDir, 'small');
    await mkdir(dir);
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir]);
    if (status === 0) mount = dir;
  });
  afterAll(() => {
    if (mount !== null) spawnSync('umount', [mount]);
  });

  test.each(['exec', 'sftp', 'scp'] as const)(
    'by %s is LocalDiskFull, and the part does not keep it full',
    async (method) => {
      if (mount === null) {
        process.stderr.write('skipped: mounting a small tmpfs needs root and a kernel that lets us\n');
        return;
      }
      const localFile = join(mount, 'x.sql.zst');
      // statfs is told that there is room: the disk fills up while the file comes, as by somebody else.
      const lying = { ...request({ localFile, method }), minFreeBytes: -1e12 };
      await expect(transferFile(lying)).rejects.toMatchObject({ code: 'LocalDiskFull' });
      expect(await readdir(mount)).toEqual([]);
    },
  );
});

describe('scp', () => {
  test('refuses a host whose key is not the one our own connection met', async () => {
    const { transferByScp } = await import('../../../../src/activities/legacy-sync/transfer/transfer-scp.ts');
    const hostKey = await fixture.pool.withSession(async (shell) => Buffer.from(shell.hostKey));
    const forged = Buffer.from(hostKey);
    forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1);
    const signal = new AbortController().signal;
    const failing = transferByScp({
      target: sshTarget(ssh),
      hostKey: forged,
      file: manifest.file,
      localPart: newFile(),
      signal,
    });
    await expect(failing).rejects.toMatchObject({ code: 'HostKeyMismatch' });
  });

  test('leaves neither key nor known_hosts behind', async () => {
    const { tmpdir } = await import('node:os');
    const ours = async () => (await readdir(tmpdir())).filter((name) => /^fleetgraph-(scp|agent)-/.test(name));
    const before = await ours();
    await transferFile(request({ localFile: newFile(), method: 'scp' }));
    expect(await ours()).toEqual(before);
  });
});

describe('the local staging folder', () => {
  test('keeps its host’s id, makes private directories, lists and removes what is ours', async () => {
    const root = join(fixture.localDir, 'staging');
    const [one, two] = await Promise.all([openLocalStaging(root), openLocalStaging(root)]);
    expect(one.hostId).toMatch(/^[0-9a-f-]{36}$/);
    expect(two.hostId).toBe(one.hostId);
    const dir = { vehicleId: '7', runId: randomUUID() };
    const file = await one.fileFor(dir, manifest);
    expect(file).toBe(join(root, '7', dir.runId, '0-10.sql.zst'));
    for (const end of ['.sql', '.sql.gz', '.sql.lz4']) {
      expect(await one.fileFor(dir, { ...manifest, file: `/anywhere/0-10${end}` })).toMatch(end);
    }
    expect((await stat(join(root, '7', dir.runId))).mode & 0o777).toBe(0o700);
    await writeFile(`${file}.part`, 'abc');
    await mkdir(join(root, 'lost+found'));
    expect(await one.list()).toEqual([{ ...dir, ageMs: expect.any(Number), bytes: 3 }]);
    await one.removeFile(file);
    expect(await one.list()).toEqual([{ ...dir, ageMs: expect.any(Number), bytes: 0 }]);
    await one.remove(dir);
    await one.remove(dir);
    expect(await readdir(root)).toEqual(['host-id', 'lost+found']);
  });

  test('takes no name that is not ours', async () => {
    const staging = await openLocalStaging(join(fixture.localDir, 'staging'));
    const dir = { vehicleId: '7', runId: 'run' };
    await expect(staging.fileFor(dir, { ...manifest, file: '/x/evil.sh' })).rejects.toThrow(TypeError);
    await expect(staging.fileFor({ vehicleId: '..', runId: 'run' }, manifest)).rejects.toThrow(TypeError);
    await expect(staging.remove({ vehicleId: '7', runId: '../../../..' })).rejects.toThrow(TypeError);
    await expect(staging.removeFile('/etc/passwd')).rejects.toThrow(TypeError);
  });
});

test('a truncated remote file is noticed by its size', async () => {
  const localFile = newFile();
  const file = `${manifest.file}.cut`;
  await fixture.remote(`head -c 1000 ${manifest.file} >${file}`);
  const failing = transferFile(request({ localFile, manifest: { ...manifest, file } }));
  await expect(failing).rejects.toMatchObject({ code: 'TransferFailed' });
});
