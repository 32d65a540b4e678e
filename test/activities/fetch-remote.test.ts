import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { FetchOptions } from '../../src/activities/legacy-sync/legacy-host/legacy-host.ts';
import { processesWith } from '../connections/ssh-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { fillGps, hostWithTool, type LegacyHostFixture, legacyHostFixture, vehicle } from './legacy-host-fixture.ts';

let fixture: LegacyHostFixture;
let runId: string;
let localFile: string;

beforeAll(async () => {
  fixture = await legacyHostFixture();
  await fillGps(fixture.database, 3_000, 2);
});
beforeEach(() => {
  runId = randomUUID();
  localFile = join(fixture.localDir, `${runId}.sql.gz`);
  Object.assign(fixture.settings, { minFreeBytes: 0, overlapIds: 100, atOnceBytes: 4_194_304, concurrentTransfers: 3 });
});
afterAll(() => fixture.close());

interface Options extends Partial<FetchOptions> {
  frozenTo?: string;
  signal?: AbortSignal;
}

const rangeOf = (id: number) => ({
  vehicle: vehicle(id),
  tableColumns: [],
  runId,
  cursor: '0',
  frozenTo: '6000',
  rangeRows: null,
});

const fetchRange = (options: Options = {}) =>
  fixture.host.exportAndFetch({
    ...rangeOf(1),
    fileFor: async () => localFile,
    ...options,
  });

/** What is left of this run on the legacy host, folders included. */
const left = (): Promise<string> =>
  fixture.remote(`cd ${fixture.server.remoteDirectory} 2>/dev/null && find . -path '*${runId}*' || :`);

test('a small range comes over the session that dumps it: proved, whole, and nothing of it is left there', async () => {
  const sending: number[] = [];
  const exported = await fetchRange({ onSending: ({ bytes }) => sending.push(bytes) });
  expect(exported).toMatchObject({ sent: true, removed: true, manifest: { rows: 3_000, toId: '6000', last: true } });
  const content = readFileSync(localFile);
  const { bytes, sha256 } = exported!.manifest;
  expect({ bytes, sha256, sending }).toEqual({
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
    sending: [content.length],
  });
  expect(gunzipSync(content).toString('utf8')).toMatch(/\n-- fleetgraph rc=0\n$/);
  expect(await left()).toBe('');
  expect(await fixture.remote(`ls ${fixture.server.remoteDirectory}`)).toBe('');
  expect(processesWith(runId)).toEqual([]);
});

test('a range that turns out to be larger than thought waits on the host to be transferred', async () => {
  fixture.settings.atOnceBytes = 1_000;
  const exported = await fetchRange();
  expect(exported).toMatchObject({ sent: false, removed: false });
  expect(existsSync(localFile)).toBe(false);
  await fixture.host.transfer({ manifest: exported!.manifest, localFile });
  expect(readFileSync(localFile)).toHaveLength(exported!.manifest.bytes);
});

test('the complete file of an earlier attempt is sent, and goes with its directory', async () => {
  const before = await fixture.host.exportRange(rangeOf(1));
  expect(await fetchRange()).toEqual({ manifest: before, sent: true, removed: true });
  expect(createHash('sha256').update(readFileSync(localFile)).digest('hex')).toBe(before?.sha256);
  expect(await left()).toBe('');
});

test('nothing new leaves nothing behind', async () => {
  expect(await fetchRange({ frozenTo: '0' })).toBeNull();
  expect(await left()).toBe('');
});

test('what is left of an earlier dump on this side is not taken for a part of this one', async () => {
  writeFileSync(`${localFile}.part`, 'of another dump');
  await fetchRange();
  expect(gunzipSync(readFileSync(localFile)).toString('utf8')).toContain('-- fleetgraph rc=0');
});

test.each([
  ['all but the first bytes are lost', 'head -c 100'],
  ['not one byte comes', 'true'],
  ['not one byte comes and the sender fails', 'false'],
])('%s: TransferFailed, and no file', async (_what, sender) => {
  const { host, close } = await hostWithTool(fixture, 'cat', sender);
  try {
    const failing = host.exportAndFetch({
      ...rangeOf(1),
      fileFor: async () => localFile,
    });
    await expect(failing).rejects.toMatchObject({ code: 'TransferFailed' });
    expect([existsSync(localFile), existsSync(`${localFile}.part`)]).toEqual([false, false]);
  } finally {
    await close();
  }
});

test('it takes one of the places for transfers, and waits for one', async () => {
  fixture.settings.concurrentTransfers = 1;
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let sending = false;
  const first = fetchRange({
    fileFor: async () => {
      sending = true;
      await held;
      return localFile;
    },
  });
  await eventually(() => expect(sending).toBe(true));
  const queued: boolean[] = [];
  const controller = new AbortController();
  const second = fixture.host.exportAndFetch({
    ...rangeOf(2),
    fileFor: async () => `${localFile}.second`,
    onQueued: (waiting) => queued.push(waiting),
    signal: controller.signal,
  });
  await eventually(() => expect(queued).toEqual([true]));
  release();
  expect(await first).toMatchObject({ sent: true });
  expect(await second).toMatchObject({ sent: true });
  expect(queued).toEqual([true, false]);
});

test('an abort while the bytes come ends the session, and no part stays', async () => {
  const controller = new AbortController();
  const failing = fetchRange({
    signal: controller.signal,
    fileFor: async () => {
      controller.abort(new Error('cancelled'));
      return localFile;
    },
  });
  await expect(failing).rejects.toThrow('cancelled');
  await eventually(() => expect(processesWith(runId)).toEqual([]));
  expect(existsSync(`${localFile}.part`)).toBe(false);
});
