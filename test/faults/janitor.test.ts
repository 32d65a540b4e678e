import { chownSync, existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { failingActivities } from '../../src/cli/doctor-activities.ts';
import { missingWorkers } from '../../src/cli/doctor-workers.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, openFleet, untilStage } from '../support/fleet.ts';
import { CATCHABLE, holdDump } from '../support/hold-dump.ts';
import { filesBelow, localFiles } from '../support/invariants.ts';

const ORPHAN_AFTER_MS = 5_000;
const A_RUN = '01a00000-0000-4000-8000-000000000001';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await openFleet({
    settings: {
      'cleanup.interval_ms': 1_000,
      'cleanup.orphan_after_ms': ORPHAN_AFTER_MS,
      'worker_pool.lease_ms': 3_000,
      // The one vehicle is then in slot 1.
      'worker_pool.max_workers': 1,
    },
  });
  await fleet.addVehicles(1, CATCHABLE);
}, 60_000);
afterAll(() => fleet.close());

/** A file as a crash leaves it, last written so long ago. */
function leave(base: string, path: string, ageMs: number): void {
  const { uid, gid } = statSync(base === fleet.remoteDir ? dirname(fleet.stack.ssh.dumpDirectory) : dirname(base));
  const written = new Date(Date.now() - ageMs);
  const file = join(base, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, 'a piece of a dump');
  const made = path.split('/').map((_, depth, parts) => join(base, ...parts.slice(0, depth + 1)));
  for (const each of [base, ...made]) chownSync(each, uid, gid);
  for (const each of made.reverse()) utimesSync(each, written, written);
}

test('files of an owner that is not alive go on both sides once they are old enough; what is not ours stays', async () => {
  const claimedElsewhere = `7/${A_RUN}/0-9.sql.part`;
  for (const base of [fleet.remoteDir, fleet.stagingDir]) {
    leave(base, claimedElsewhere, 60_000);
    leave(base, `8/${A_RUN}/0-9.sql`, 0);
    leave(base, 'notes/of-the-operator.txt', 60_000);
  }
  const begunAt = Date.now();
  await fleet.startWorker();
  for (const base of [fleet.remoteDir, fleet.stagingDir]) {
    await eventually(() => expect(existsSync(join(base, claimedElsewhere))).toBe(false), { everyMs: 100 });
  }
  await eventually(
    () => {
      const left = { remote: filesBelow(fleet.remoteDir), local: localFiles(fleet.stagingDir) };
      const notes = ['notes', 'notes/of-the-operator.txt'];
      expect(left).toEqual({ remote: notes, local: notes });
    },
    { withinMs: 20_000, everyMs: 100 },
  );
  expect(Date.now() - begunAt).toBeGreaterThan(ORPHAN_AFTER_MS);
}, 60_000);

test('the files of a vehicle in flight stay, however old they grow', async () => {
  const run = await fleet.start();
  const release = await holdDump(fleet);
  const before = filesBelow(join(fleet.remoteDir, '1'));
  expect(before.join()).toMatch(/\.part/);
  await sleep(ORPHAN_AFTER_MS + 3_000);
  expect(filesBelow(join(fleet.remoteDir, '1'))).toEqual(before);
  release();
  expect(await run.result()).toMatchObject({ completed: 1, failed: 0 });
}, 60_000);

test('claims of a run that Temporal lost are settled as Lost, its files go, and the next run is whole', async () => {
  await fleet.addRows('1', 20_000, 600);
  const worker = await fleet.startWorker();
  const run = await fleet.start();
  await holdDump(fleet);
  await untilStage(fleet, run.runId, 'exporting');
  // Nobody is there to clean up: everything of the run ends at once.
  await worker.kill();
  for (const other of fleet.workers()) await other.kill();
  for (const workflowId of [run.workflowId, `${run.workflowId}/worker-1`, 'vehicle-sync/1']) {
    await fleet.client.workflow.getHandle(workflowId).terminate('the namespace was lost');
  }
  await fleet.startWorker();
  await eventually(
    async () => {
      const { state } = await fleet.manager.status(run.runId);
      const [result] = await fleet.manager.results(run.runId);
      expect([state, result?.status, result?.error?.code]).toEqual(['lost', 'failed', 'Lost']);
    },
    { withinMs: 20_000, everyMs: 100 },
  );
  await eventually(() => expect(filesBelow(join(fleet.remoteDir, '1'))).toEqual([]), { withinMs: 20_000 });
  expect(await (await fleet.start()).result()).toMatchObject({ completed: 1, failed: 0 });
}, 90_000);

test('a wedged workflow is listed by doctor, with what to do about it; healthy ones are not', async () => {
  expect((await fleet.cli('doctor')).stdout).not.toMatch(/wedged/);
  // Without its input this workflow throws a plain TypeError, again and again.
  await fleet.client.workflow.start('workerSlot', { workflowId: 'wedged-slot', taskQueue: 'legacy-sync', args: [] });
  await eventually(
    async () => {
      const { stdout, status } = await fleet.cli('doctor');
      expect(stdout).toMatch(/wedged-slot/);
      expect(stdout).toMatch(/temporal workflow terminate -w 'wedged-slot'/);
      expect(status).toBe(1);
    },
    { withinMs: 60_000, everyMs: 2_000 },
  );
  await fleet.client.workflow.getHandle('wedged-slot').terminate();
}, 90_000);

test('an activity that fails for ever is listed by doctor with its last error, and goes on by itself once that is mended', async () => {
  if (fleet.workers().length === 0) await fleet.startWorker();
  await fleet.addRows('1', 10);
  await fleet.pool.query('ALTER TABLE sync_runs RENAME finished_at TO gone');
  const run = await fleet.start();
  const found = await eventually(
    async () => {
      const { stdout, status } = await fleet.cli('doctor');
      expect([status, stdout]).toEqual([1, expect.stringContaining('finishRun')]);
      return stdout.split('\n').filter((line, at, lines) => /finishRun/.test(line + lines[at - 1]));
    },
    { withinMs: 60_000, everyMs: 1_000 },
  );
  expect(found[0]).toMatch(
    /^✗ fleet-sync\/all: its activity finishRun fails again and again, \d+ attempts so far; the last one ended [\d.]+s ago with \S+: .*finished_at/,
  );
  expect(Number(/(\d+) attempts/.exec(found[0]!)?.[1])).toBeGreaterThanOrEqual(5);
  expect(found[1]).toContain(`temporal workflow describe -w 'fleet-sync/all' -r ${run.runId}`);
  expect(await failingActivities(session(), { lookedAt: 0 })).toEqual([
    expect.objectContaining({
      severity: 'notice',
      found: expect.stringMatching(/^1 run, and only the 0 started last/),
    }),
  ]);
  await fleet.pool.query('ALTER TABLE sync_runs RENAME gone TO finished_at');
  expect(await run.result()).toMatchObject({ completed: 1, failed: 0 });
  expect((await fleet.cli('doctor')).stdout).not.toContain('finishRun');
}, 120_000);

test('a task queue that no worker has polled lately is listed by doctor, with what waits there', async () => {
  if (fleet.workers().length === 0) await fleet.startWorker();
  await eventually(async () => expect(await missingWorkers(session())).toEqual([]));
  const later = { workflowId: 'begins-later', taskQueue: 'transport-graph', startDelay: '1 hour', args: [] } as const;
  const waits = await fleet.client.workflow.start('pipeline', later);
  const silent = (queue: string, waiting: string) => ({
    severity: 'problem',
    subject: `task queue ${queue}`,
    found: expect.stringMatching(new RegExp(`^no worker has polled it for [34]m\\d\\ds${waiting}$`)),
    remedy: 'start one: npm run fleetgraph -- worker',
  });
  const legacySync = silent('legacy-sync', '');
  const inFourMinutes = () => missingWorkers(session(), () => Date.now() + 4 * 60_000);
  await eventually(async () =>
    expect(await inFourMinutes()).toEqual([
      legacySync,
      silent('transport-graph', '; running workflows that wait for one: 1'),
    ]),
  );
  await waits.terminate();
  // A network that nobody builds has no worker that would be missed.
  await eventually(async () => expect(await inFourMinutes()).toEqual([legacySync]));
}, 60_000);

const session = () => ({
  temporal: async () => ({ client: fleet.client, namespace: fleet.namespace, close: async () => {} }),
});
