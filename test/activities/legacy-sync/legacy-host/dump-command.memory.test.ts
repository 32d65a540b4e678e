import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fillGps, hostWithTool, type LegacyHostFixture, legacyHostFixture, vehicle } from './legacy-host-fixture.ts';

const ROW_BYTES = 15 * 1024 * 1024;
let fixture: LegacyHostFixture;

beforeAll(async () => {
  fixture = await legacyHostFixture();
  await fillGps(fixture.database, 500);
  await fillGps(fixture.database, 3, 1, 'wide');
  await fixture.database.query(
    `ALTER TABLE wide ADD photo LONGBLOB; UPDATE wide SET photo = REPEAT('x', ${ROW_BYTES})`,
  );
  // The least that a program may have there.
  Object.assign(fixture.settings, { maxMemoryMb: 1, compression: 'zstd', minFreeBytes: 0 });
}, 60_000);
afterAll(() => fixture.close());

const range = (frozenTo: string, table?: string) => ({
  vehicle: vehicle(1, table),
  tableColumns: [],
  runId: randomUUID(),
  cursor: '0',
  frozenTo,
});

/** Both ways of dumping. */
const WAYS: { way: string; dump(host: LegacyHostFixture['host']): Promise<unknown> }[] = [
  { way: 'to a file', dump: (host) => host.exportToFile({ ...range('500'), rangeRows: null }) },
  { way: 'into the session', dump: (host) => host.streamDump({ ...range('500'), newRows: 100_000 }) },
];

test.each(WAYS)('no program of a dump $way has more memory than the limit', async ({ dump }) => {
  const seen = `${fixture.server.remoteDirectory}-limits`;
  const program = (name: string, path: string) =>
    hostWithTool(fixture, name, `grep 'Max data size' /proc/$$/limits >>${seen}; exec ${path} "$@"`);
  const compressor = await program('zstd', '/usr/bin/zstd');
  try {
    expect(await dump(compressor.host)).not.toBeNull();
    expect((await fixture.remote(`cat ${seen}`)).split('\n').filter((line) => line !== '')).toEqual([
      expect.stringMatching(/^Max data size +134217728 +134217728 +bytes/),
    ]);
  } finally {
    await fixture.remote(`rm -f ${seen}`);
    await compressor.close();
  }
});

test.each(WAYS)('a program that wants more ends the dump $way, which says so', async ({ dump }) => {
  // Its window alone has a gigabyte.
  const greedy = await hostWithTool(fixture, 'zstd', 'exec /usr/bin/zstd --ultra -22 --long=30 -T1 -c');
  try {
    await expect(dump(greedy.host)).rejects.toMatchObject({
      code: 'ExportFailed',
      message: expect.stringMatching(/needs more than the 128 MB that each may have\..*max_memory_mb/),
    });
  } finally {
    await greedy.close();
  }
});

test('rows of 15 MB are dumped with the least that a program may have', async () => {
  const manifest = await fixture.host.exportToFile({ ...range('3', 'wide'), rangeRows: null });
  expect(manifest).toMatchObject({ rows: 3, last: true });
}, 60_000);
