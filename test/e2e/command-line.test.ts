import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WorkerPoolManager } from '../../src/client/worker-pool-manager.ts';
import { eventually } from '../support/eventually.ts';
import { type CommandOutput, runCli, startCli } from '../support/fleet-worker.ts';
import { type Fleet, SERVER_ID, openFleet, untilStage } from '../support/fleet.ts';
import { expectInvariants } from '../support/invariants.ts';

/** One fleet of five vehicles and one worker; each test goes on from what the ones before it synced. */
let fleet: Fleet;
let ids: string[];

beforeAll(async () => {
  fleet = await openFleet();
  ids = [
    ...(await fleet.addVehicles(2, { rows: 600, priority: 5 })),
    ...(await fleet.addVehicles(2, { rows: 400, priority: 2 })),
    ...(await fleet.addVehicles(1, { rows: 200 })),
  ];
  await fleet.startWorker();
}, 60_000);
afterAll(() => fleet.close());

const runIdOf = ({ stdout }: CommandOutput): string =>
  /^run ([0-9a-f-]{36}) \(fleet-sync\//m.exec(stdout)?.[1] ?? stdout;

/** What became of each vehicle of the run that a command started: vehicle id → rows inserted. */
async function syncedBy(output: CommandOutput): Promise<Record<string, number>> {
  const results = await fleet.manager.results(runIdOf(output));
  return Object.fromEntries(results.map(({ vehicleId, inserted }) => [vehicleId, inserted]));
}

test('sync --all brings every row over and prints each vehicle, the totals and the run', async () => {
  const output = await fleet.cli('sync', '--all');
  expect(output).toMatchObject({ status: 0 });
  expect(await syncedBy(output)).toEqual({ 1: 600, 2: 600, 3: 400, 4: 400, 5: 200 });
  expect(output.stdout).toMatch(/bus-1 .*600/);
  expect(output.stdout).toMatch(
    new RegExp(`run ${runIdOf(output)} completed: 5 completed, 0 failed, 0 were up to date; 2.200 rows`),
  );
  await expectInvariants(fleet, ids);
});

test('a second sync takes only what is new, and costs vehicles without news nothing', async () => {
  await fleet.addRows('2', 30);
  const output = await fleet.cli('sync', '--all');
  expect(output).toMatchObject({ status: 0 });
  expect(await syncedBy(output)).toEqual({ 2: 30 });
  expect((await fleet.manager.status(runIdOf(output))).upToDate).toBe(4);
  const children = await fleet.client.workflow.count(
    `WorkflowType = 'vehicleSync' AND FleetRun = '${runIdOf(output)}'`,
  );
  expect(children.count).toBe(1);
  await expectInvariants(fleet, ids);
});

test('--all started twice at once is one run, and both wait for its end', async () => {
  for (const id of ids) await fleet.addRows(id, 10);
  const [first, second] = await Promise.all([fleet.cli('sync', '--all'), fleet.cli('sync', '--all')]);
  expect(runIdOf(first)).toMatch(/^[0-9a-f-]{36}$/);
  expect(runIdOf(second)).toBe(runIdOf(first));
  expect([first.status, second.status]).toEqual([0, 0]);
  await expectInvariants(fleet, ids);
});

test('--mode full reads everything again and doubles nothing', async () => {
  const output = await fleet.cli('sync', '--vehicles', '1,5', '--mode', 'full');
  expect(output).toMatchObject({ status: 0 });
  const results = await fleet.manager.results(runIdOf(output));
  expect(results.map(({ vehicleId, rows, inserted, duplicates }) => [vehicleId, rows, inserted, duplicates])).toEqual([
    ['1', 610, 0, 610],
    ['5', 210, 0, 210],
  ]);
  await expectInvariants(fleet, ids);
});

test.each([
  { selection: ['--vehicles', '2,4'], takes: ['2', '4'] },
  { selection: ['--priority', '2'], takes: ['1', '2', '3', '4'] },
  { selection: ['--first', '3'], takes: ['1', '2', '3'] },
])('$selection takes vehicles $takes and no others', async ({ selection, takes }) => {
  for (const id of ids) await fleet.addRows(id, 5);
  const output = await fleet.cli('sync', ...selection);
  expect(output).toMatchObject({ status: 0 });
  expect(Object.keys(await syncedBy(output))).toEqual(takes);
});

test('the pool switched off is the same run with one slot', async () => {
  for (const id of ids) await fleet.addRows(id, 5);
  await fleet.set({ 'worker_pool.enabled': false });
  const output = await fleet.cli('sync', '--all');
  await fleet.set({ 'worker_pool.enabled': true });
  const results = await fleet.manager.results(runIdOf(output));
  expect(results.map(({ workerId, status }) => [workerId, status])).toEqual(ids.map(() => [1, 'completed']));
  await expectInvariants(fleet, ids);
});

test.each([
  { args: [], says: /InvalidSelection: .*exactly one of/ },
  { args: ['--all', '--first', '2'], says: /InvalidSelection: .*exactly one of/ },
  { args: ['--vehicles', '1,99'], says: /99/ },
  { args: ['--vehicles', '1;DROP TABLE vehicles'], says: /DROP TABLE/ },
])('sync $args is refused with its reason, and starts nothing', async ({ args, says }) => {
  const before = await fleet.pool.query('SELECT count(*) FROM vehicle_syncs');
  const { status, stderr } = await fleet.cli('sync', ...args);
  expect(status).toBe(1);
  expect(stderr).toMatch(says);
  expect(stderr).toMatch(/^(InvalidSelection|UnknownVehicle): .*\n$/);
  const after = await fleet.pool.query('SELECT count(*) FROM vehicle_syncs');
  expect(after.rows).toEqual(before.rows);
});

test.each([
  { args: ['servers', 'put', '{nowhere}'], says: /^InvalidConfiguration: Reading .*ENOENT/ },
  { args: ['servers', 'put', '{broken}'], says: /^InvalidConfiguration: Reading .*no JSON/ },
  { args: ['vehicles', 'put', '{broken}'], says: /^InvalidConfiguration: Reading .*no JSON/ },
  { args: ['vehicles', 'put', '{one}'], says: /^InvalidConfiguration: Reading .*an array of vehicles/ },
  { args: ['quarantine', 'show', 'first'], says: /whole number/ },
  { args: ['quarantine', 'list', '--vehicle', 'bus-1'], says: /whole number/ },
  { args: ['quarantine', 'list', '--limit', 'all'], says: /whole number/ },
  { args: ['status', 'latest'], says: /^InvalidSelection: .*fleetgraph runs/ },
])('$args says in one line what is wrong with it', async ({ args, says }) => {
  const folder = await mkdtemp(join(tmpdir(), 'fleetgraph-put-'));
  const files: Record<string, string> = { broken: '{"id":', one: '{"id":"9","serverId":"depot"}' };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  const output = await fleet.cli(...args.map((arg) => arg.replace(/^{(.*)}$/, `${folder}/$1`)));
  await rm(folder, { recursive: true });
  expect(output.status).toBe(1);
  expect(output.stderr).toMatch(says);
  expect(output.stderr.trim().split('\n')).toHaveLength(1);
});

test('a vehicle twice in one file is the later one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fleetgraph-put-'));
  const one = { id: '77', serverId: 'depot', table: 'gps', legacyVehicleId: '77', enabled: false };
  await writeFile(
    join(folder, 'twice'),
    JSON.stringify([
      { ...one, label: 'first' },
      { ...one, label: 'second' },
    ]),
  );
  const output = await fleet.cli('vehicles', 'put', join(folder, 'twice'));
  await rm(folder, { recursive: true });
  expect(output).toMatchObject({ status: 0 });
  expect((await fleet.cli('vehicles', 'list')).stdout).toMatch(/^ *77 +second/m);
});

describe('servers that are away', () => {
  const NOBODY = '127.0.0.1:1';
  const cli = (away: Record<string, string>, ...args: string[]): Promise<CommandOutput> =>
    runCli({ ...fleet.environment, ...away }, args);

  test('a command names the one it needs, and no password', async () => {
    const url = `postgres://nobody:hidden@${NOBODY}/none`;
    const { status, stderr } = await cli({ FLEETGRAPH_POSTGRES_URL: url }, 'runs');
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^DatabaseUnavailable: .*FLEETGRAPH_POSTGRES_URL.*\n$/),
    ]);
    expect(stderr).not.toContain('hidden');
  });

  test('the doctor says which it could not ask, and looks at the rest', async () => {
    const { status, stdout } = await cli({ TEMPORAL_ADDRESS: NOBODY }, 'doctor');
    expect([status, stdout]).toEqual([
      1,
      expect.stringContaining(`could not look: Connecting to Temporal at ${NOBODY}`),
    ]);
    expect(stdout).not.toContain('lostClaims');
  }, 30_000);
});

test('servers test walks the way a sync goes and says each step', async () => {
  const { status, stdout } = await fleet.cli('servers', 'test', SERVER_ID);
  expect(stdout).toMatch(
    /^logged in as .*; \d+ folders of ours are there\n(vehicle bus-\d: \d+ new rows above id \d+\n){5}read \d+ of the newest rows of vehicle bus-1 in gps\n$/,
  );
  expect(status).toBe(0);
});

describe('servers test fails, with the reason, of what no sync could read', () => {
  const tested = () => fleet.cli('servers', 'test', SERVER_ID);

  test('a table that is not there, whichever vehicle names it', async () => {
    await fleet.pool.query(`UPDATE vehicles SET enabled = true, legacy_table = 'nowhere' WHERE id = 77`);
    const { status, stderr } = await tested();
    await fleet.pool.query(`UPDATE vehicles SET enabled = false, legacy_table = 'gps' WHERE id = 77`);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^TableMissing: Planning vehicle 77: .*nowhere/)]);
  });

  test('a mapping that no row fits', async () => {
    const {
      rows: [server],
    } = await fleet.pool.query('SELECT columns FROM legacy_servers');
    await fleet.pool.query(`UPDATE legacy_servers SET columns = columns || '{"latitude": "id"}'`);
    const { status, stderr } = await tested();
    await fleet.pool.query('UPDATE legacy_servers SET columns = $1', [server.columns]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^QuarantineThresholdExceeded: .*rows are bad/)]);
  });
});

test('a row that was committed late behind a vehicle without news comes in with the next sync, once', async () => {
  await expectAllSynced();
  // Its id is given out before those of the rows that the sync sees first.
  await fleet.addRows('5', 1);
  await fleet.legacy.query(`CREATE TABLE under_way AS SELECT * FROM gps WHERE vehicle_id = 5 ORDER BY id DESC LIMIT 1;
    DELETE gps FROM gps JOIN under_way USING (id)`);
  await fleet.addRows('5', 4);
  expect(await syncedBy(await fleet.cli('sync', '--all'))).toEqual({ 5: 4 });
  await fleet.legacy.query('INSERT INTO gps SELECT * FROM under_way');
  expect(await syncedBy(await fleet.cli('sync', '--all'))).toEqual({ 5: 1 });
  await expectAllSynced();
  await expectInvariants(fleet, ids);
});

test('a purge does not hide a late row that came in its place, and costs one more look where there is none', async () => {
  await expectAllSynced();
  await fleet.addRows('4', 1);
  await fleet.legacy.query(`CREATE TABLE in_between AS SELECT * FROM gps WHERE vehicle_id = 4 ORDER BY id DESC LIMIT 1;
    DELETE gps FROM gps JOIN in_between USING (id)`);
  await fleet.addRows('4', 4);
  await fleet.addRows('1', 1);
  expect(await syncedBy(await fleet.cli('sync', '--all'))).toEqual({ 1: 1, 4: 4 });
  const purge = 'DELETE FROM gps WHERE vehicle_id = 4 ORDER BY id LIMIT 1';
  await fleet.legacy.query(`${purge}; INSERT INTO gps SELECT * FROM in_between`);
  expect(await syncedBy(await fleet.cli('sync', '--all'))).toEqual({ 4: 1 });
  await expectAllSynced();
  await fleet.legacy.query(`${purge}; DELETE FROM gps WHERE vehicle_id = 4 ORDER BY id DESC LIMIT 2`);
  expect(await syncedBy(await fleet.cli('sync', '--all'))).toEqual({ 4: 0 });
  await expectAllSynced();
});

test('Ctrl-C ends the watching of a run and not the run; the printed commands watch it again and end it', async () => {
  const link = await fleet.linkToHost();
  link.set({ kind: 'rate', bytesPerSecond: 60_000 });
  await fleet.addRows('1', 3_000, 500);
  const watching = startCli(fleet.environment, ['sync', '--all']);
  await eventually(() => expect(watching.said.stdout).toMatch(/bus-1 +transferring/), {
    withinMs: 30_000,
    everyMs: 50,
  });
  watching.process.kill('SIGINT');
  const left = await watching.ended;
  expect(left).toMatchObject({ status: 130, stderr: '' });
  // Nothing is in yet, and it is not told as a share.
  expect(left.stdout).toMatch(/bus-1 +(exporting|transferring) +0 of 3,000 rows/);
  const runId = runIdOf(left);
  expect((await fleet.manager.status(runId)).state).toBe('running');
  const printed = [...left.stdout.matchAll(/npm run fleetgraph -- (.*)$/gm)].map(([, words]) => words!.split(' '));
  expect(printed).toEqual([
    ['follow', runId],
    ['cancel', runId],
  ]);
  const again = startCli(fleet.environment, printed[0]!);
  await eventually(() => expect(again.said.stdout).toMatch(/bus-1 +transferring/), { withinMs: 30_000, everyMs: 50 });
  expect(await fleet.cli(...printed[1]!)).toMatchObject({ status: 0 });
  expect(await again.ended).toMatchObject({ status: 1, stdout: expect.stringContaining(`run ${runId} cancelled: `) });
  link.set({ kind: 'pass' });
  expect(await syncedBy(await fleet.cli('sync', '--all'))).toEqual({ 1: 3_000 });
  await expectInvariants(fleet, ['1']);
}, 120_000);

test('an order to a run whose worker is gone is given up, and says so', async () => {
  const link = await fleet.linkToHost();
  link.set({ kind: 'rate', bytesPerSecond: 60_000 });
  await fleet.addRows('1', 3_000, 500);
  const { runId } = await fleet.start();
  await untilStage(fleet, runId, 'transferring');
  await fleet.workers()[0]!.kill();
  const { client, pool, progress } = fleet;
  const manager = new WorkerPoolManager({ temporal: client, postgres: pool, progress, steeringMs: 1_000 });
  await expect(manager.pause(runId)).rejects.toMatchObject({
    code: 'TemporalUnavailable',
    message: expect.stringContaining('no worker has done it within 1 s'),
  });
  await manager.cancel(runId);
  link.set({ kind: 'pass' });
  await fleet.startWorker();
  await eventually(async () => expect((await manager.status(runId)).state).toBe('cancelled'), { withinMs: 60_000 });
}, 120_000);

async function expectAllSynced(): Promise<void> {
  expect(await syncedBy(await fleet.cli('sync', '--all'))).toEqual({});
}
