import { createHash, randomUUID } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { LegacyHost, StreamOptions } from '../../../../src/activities/legacy-sync/legacy-host/legacy-host.ts';
import { processesWith } from '../../../connections/ssh/ssh-fixture.ts';
import { eventually } from '../../../support/eventually.ts';
import { fillGps, hostWithTool, type LegacyHostFixture, legacyHostFixture, vehicle } from './legacy-host-fixture.ts';

const ROWS = 3_000;

let fixture: LegacyHostFixture;
let runId: string;

beforeAll(async () => {
  fixture = await legacyHostFixture();
  await fillGps(fixture.database, ROWS, 2);
});
beforeEach(() => {
  runId = randomUUID();
  Object.assign(fixture.settings, {
    overlapIds: 100,
    streamMaxBytes: 4_194_304,
    concurrentTransfers: 3,
    exportTimeoutMs: 60_000,
  });
});
afterAll(() => fixture.close());

const stream = (options: Partial<StreamOptions> = {}, host: LegacyHost = fixture.host) =>
  host.streamDump({
    vehicle: vehicle(1),
    tableColumns: [],
    runId,
    cursor: '0',
    frozenTo: '6000',
    newRows: ROWS,
    ...options,
  });

const idsIn = (dump: string): number[] => [...dump.matchAll(/\((\d+),1,'/g)].map(([, id]) => Number(id));

test('a small range comes over the session that dumps it, whole, and nothing is written there', async () => {
  const received: number[] = [];
  const { content, manifest } = (await stream({ onReceived: (bytes) => received.push(bytes) }))!;
  expect(manifest).toEqual({
    compression: 'gzip',
    fromId: '1',
    watermark: '0',
    toId: '6000',
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
    last: true,
  });
  expect(received.at(-1)).toBe(content.length);
  expect(fixture.loads.at(-1)).toEqual({ loadPerCore: expect.any(Number), threadsRunning: null });
  const dump = gunzipSync(content).toString('utf8');
  expect(dump).toMatch(/\n-- fleetgraph rc=0\n$/);
  expect(idsIn(dump)).toHaveLength(ROWS);
  expect(await fixture.remote(`ls ${fixture.server.remoteDirectory} 2>/dev/null || echo none`)).toBe('none\n');
  expect(processesWith(runId)).toEqual([]);
});

test('it begins as far below the cursor as the overlap reaches, and ends at the frozen id', async () => {
  const { content, manifest } = (await stream({ cursor: '2000', frozenTo: '2100', newRows: 50 }))!;
  expect(manifest).toMatchObject({ fromId: '1901', watermark: '2000', toId: '2100' });
  const ids = idsIn(gunzipSync(content).toString('utf8'));
  expect([ids.at(0), ids.at(-1), ids.length]).toEqual([1_901, 2_099, 100]);
});

test('more than is streamed is given up: the host sends a byte too much and ends', async () => {
  fixture.settings.streamMaxBytes = 1_000;
  const received: number[] = [];
  expect(await stream({ onReceived: (bytes) => received.push(bytes) })).toBeNull();
  expect(received.at(-1)).toBe(1_001);
  expect(processesWith(runId)).toEqual([]);
});

test.each([
  [
    'the dump fails at once',
    'mariadb-dump',
    'echo "mysqldump: Got error: 2013" >&2; exit 3',
    'LegacyDatabaseUnavailable',
  ],
  ['the dump is killed', 'mariadb-dump', 'kill -9 $$', 'ExportFailed'],
  ['the compressor fails', 'gzip', 'cat; exit 1', 'ExportFailed'],
  ['the compressor stops early', 'gzip', 'head -c 100', 'ExportFailed'],
])('%s: %s that says %p is %s', async (_what, tool, body, code) => {
  const { host, close } = await hostWithTool(fixture, tool, body);
  try {
    await expect(stream({}, host)).rejects.toMatchObject({ code });
  } finally {
    await close();
  }
});

test('a table that is not there: TableMissing', async () => {
  await expect(stream({ vehicle: vehicle(1, 'gone') })).rejects.toMatchObject({ code: 'TableMissing' });
});

test('a dump that takes too long is ended by the host', async () => {
  fixture.settings.exportTimeoutMs = 1_000;
  const { host, close } = await hostWithTool(fixture, 'gzip', 'sleep 60');
  try {
    await expect(stream({}, host)).rejects.toMatchObject({
      code: 'ExportFailed',
      message: expect.stringContaining('legacy_sync.export.timeout_ms'),
    });
  } finally {
    await close();
  }
});

test('it takes one of the places for transfers, and waits for one', async () => {
  fixture.settings.concurrentTransfers = 1;
  const first = stream({ vehicle: vehicle(2) });
  const held = await eventually(
    () => {
      const found = processesWith(runId);
      expect(found.length).toBeGreaterThan(0);
      for (const pid of found) process.kill(pid, 'SIGSTOP');
      return found;
    },
    { everyMs: 2 },
  );
  const queued: boolean[] = [];
  const second = stream({ onQueued: (waiting) => queued.push(waiting) });
  await eventually(() => expect(queued).toEqual([true]));
  for (const pid of held) process.kill(pid, 'SIGCONT');
  expect([await first, await second]).toEqual([expect.anything(), expect.anything()]);
  expect(queued).toEqual([true, false]);
});

test('an abort ends the session and what it runs', async () => {
  const controller = new AbortController();
  const { host, close } = await hostWithTool(fixture, 'gzip', 'sleep 60');
  try {
    const failing = stream({ signal: controller.signal }, host);
    await eventually(() => expect(processesWith(runId).length).toBeGreaterThan(0), { everyMs: 2 });
    controller.abort(new Error('cancelled'));
    await expect(failing).rejects.toThrow('cancelled');
    await eventually(() => expect(processesWith(runId)).toEqual([]));
  } finally {
    await close();
  }
});
