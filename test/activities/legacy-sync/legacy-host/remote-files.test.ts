import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { workTag } from '../../../../src/activities/legacy-sync/legacy-host/remote-path.ts';
import { processesWith } from '../../../connections/ssh/ssh-fixture.ts';
import { eventually } from '../../../support/eventually.ts';
import { sharedStack } from '../../../support/stack.ts';
import { fillGps, hostWithTool, type LegacyHostFixture, legacyHostFixture, vehicle } from './legacy-host-fixture.ts';

sharedStack();
let fixture: LegacyHostFixture;
let base: string;

beforeAll(async () => {
  fixture = await legacyHostFixture();
  base = fixture.server.remoteDirectory;
  await fillGps(fixture.database, 500, 1);
});
afterEach(() => fixture.remote(`rm -rf ${base}`));
afterAll(() => fixture.close());

const exportRun = (runId: string, id = 1) =>
  fixture.host.exportToFile({
    vehicle: { ...vehicle(id), legacyVehicleId: '1' },
    tableColumns: [],
    runId,
    cursor: '0',
    frozenTo: '500',
    rangeRows: 1_000,
  });

test('lists what is ours with age and size, and nothing else', async () => {
  expect(await fixture.host.listFiles()).toEqual([]);
  const [one, two] = [randomUUID(), randomUUID()];
  const manifest = await exportRun(one);
  await exportRun(two, 2);
  await fixture.remote(
    `cd ${base}; mkdir -p lost+found/x 3/'odd name'; echo x >file; ln -s /etc 4; ln -s /etc 1/link; touch -d '2 hours ago' 2/${two}/* 2/${two}`,
  );
  const found = await fixture.host.listFiles();
  expect(found.toSorted((a, b) => a.vehicleId.localeCompare(b.vehicleId))).toEqual([
    { vehicleId: '1', runId: one, ageMs: expect.any(Number), bytes: expect.any(Number) },
    { vehicleId: '2', runId: two, ageMs: expect.any(Number), bytes: expect.any(Number) },
  ]);
  const ages = Object.fromEntries(found.map(({ vehicleId, ageMs }) => [vehicleId, ageMs]));
  expect(ages[1]).toBeLessThan(60_000);
  expect(ages[2]).toBeGreaterThan(7_190_000);
  expect(found.find(({ vehicleId }) => vehicleId === '1')?.bytes).toBeGreaterThan(manifest?.bytes ?? Infinity);
});

test('lists the same where find is busybox’s', async () => {
  await exportRun(randomUUID());
  // The stand-in, where there is no busybox, refuses what busybox refuses.
  const { host, close } = await hostWithTool(
    fixture,
    'find',
    `command -v busybox >/dev/null && exec busybox find "$@"
     case " $* " in *' -printf '*) echo 'find: unrecognized: -printf' >&2; exit 1;; esac
     exec /usr/bin/find "$@"`,
  );
  try {
    const [found] = await host.listFiles();
    expect(found).toMatchObject({ vehicleId: '1', bytes: (await fixture.host.listFiles())[0]?.bytes });
  } finally {
    await close();
  }
});

test('removes one file with its manifest and keeps the other ranges', async () => {
  const runId = randomUUID();
  const manifest = await exportRun(runId);
  if (manifest === null) throw new Error('nothing exported');
  await fixture.host.removeFile(manifest);
  await fixture.host.removeFile(manifest);
  expect((await fixture.remote(`ls ${base}/1/${runId}`)).trim()).toBe('pid');
});

test('removes a run’s directory, twice as well as once, and others stay', async () => {
  const [one, two] = [randomUUID(), randomUUID()];
  await exportRun(one);
  await exportRun(two);
  const dir = { vehicleId: '1', runId: one };
  await fixture.host.removeFiles(dir);
  await fixture.host.removeFiles(dir);
  expect((await fixture.host.listFiles()).map(({ runId }) => runId)).toEqual([two]);
  await fixture.host.removeFiles({ vehicleId: '1', runId: two });
  expect((await fixture.remote(`ls ${base}`)).trim()).toBe('');
});

test('removes the empty directory of a vehicle that a removal left which was cut with its session', async () => {
  await fixture.remote(`mkdir -p ${base}/1 ${base}/2`);
  await fixture.host.removeFiles({ vehicleId: '1', runId: randomUUID() });
  expect((await fixture.remote(`ls ${base}`)).trim()).toBe('2');
});

test('ends what runs for the vehicle in the run, and nothing that only has its number', async () => {
  const runId = randomUUID();
  const dir = `${base}/1/${runId}`;
  await fixture.remote(`mkdir -p ${dir}`);
  const tag = workTag({ vehicleId: '1', runId });
  const startGroup = (mark: string) =>
    fixture.pool.withSession((shell) =>
      shell.run(`# ${mark}\ncut -d' ' -f5 /proc/$$/stat >${dir}/pid\nsleep 300`, { timeoutMs: 120_000 }),
    );
  const stranger = startGroup(`stranger-${runId}`).catch((error: unknown) => error);
  await eventually(() => expect(processesWith(`stranger-${runId}`).length).toBeGreaterThan(0));
  await sleep(200);
  await fixture.host.removeFiles({ vehicleId: '1', runId });
  expect(processesWith(`stranger-${runId}`).length).toBeGreaterThan(0);

  await fixture.remote(`mkdir -p ${dir}`);
  const ours = startGroup(tag).catch((error: unknown) => error);
  await eventually(async () => expect(await fixture.remote(`cat ${dir}/pid`)).not.toBe(''));
  await fixture.host.removeFiles({ vehicleId: '1', runId });
  // 137: the guard saw its group killed.
  expect(await ours).toMatchObject({ code: 137 });
  expect(processesWith(tag)).toEqual([]);
  for (const pid of processesWith(`stranger-${runId}`)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // gone with its parent
    }
  }
  await stranger;
});

test('removes nothing through a link', async () => {
  const runId = randomUUID();
  const victim = `/tmp/victim-${randomUUID()}`;
  await fixture.remote(
    `mkdir -p ${base}/1 ${victim}/${runId}; echo precious >${victim}/${runId}/file; ln -s ${victim}/${runId} ${base}/1/${runId}; ln -s ${victim} ${base}/2`,
  );
  for (const vehicleId of ['1', '2']) {
    await expect(fixture.host.removeFiles({ vehicleId, runId })).rejects.toMatchObject({
      message: expect.stringContaining('symbolic link'),
    });
  }
  await expect(exportRun(runId)).rejects.toMatchObject({
    code: 'ExportFailed',
    message: expect.stringContaining('symbolic link'),
  });
  expect(await fixture.remote(`cat ${victim}/${runId}/file; ls ${victim}/${runId}`)).toBe('precious\nfile\n');
  await fixture.remote(`rm -rf ${victim}`);
});

test.each([
  { vehicleId: '..', runId: 'run' },
  { vehicleId: '1', runId: '..' },
  { vehicleId: '1', runId: '../../etc' },
  { vehicleId: '1; rm -rf /', runId: 'run' },
  { vehicleId: '', runId: '' },
  { vehicleId: '1', runId: '-rf' },
])('refuses the name %j before anything is sent', async (dir) => {
  const { sessions, opened } = fixture.pool.stats();
  await expect(fixture.host.removeFiles(dir)).rejects.toThrow(TypeError);
  expect(fixture.pool.stats()).toMatchObject({ sessions, opened });
});
