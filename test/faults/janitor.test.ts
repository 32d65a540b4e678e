import { chownSync, existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { failingActivities } from '../../src/cli/doctor/failing-activities.ts';
import { pausedFindings } from '../../src/cli/doctor/paused-findings.ts';
import { missingWorkers } from '../../src/cli/doctor/missing-workers.ts';
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
  // Made by root, the folder above would keep the hosts of other tests from making theirs.
  chownSync(dirname(base), uid, gid);
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
  // As after a deploy that lost a workflow: its task fails again and again.
  const wedged = { workflowId: 'wedged-slot', taskQueue: 'legacy-sync', args: [] };
  const { firstExecutionRunId: runId } = await fleet.client.workflow.start('slotOfAnotherRelease', wedged);
  await fleet.pool.query(
    `INSERT INTO sync_runs (run_id, workflow_id, selection, mode, requested_by) VALUES ($1, 'wedged-slot', '{"kind":"all"}', 'delta', 'test')`,
    [runId],
  );
  await eventually(
    async () => {
      const { stdout, status } = await fleet.cli('doctor');
      expect(stdout).toMatch(/wedged-slot/);
      expect(stdout).toMatch(/temporal workflow terminate -w 'wedged-slot'/);
      expect(status).toBe(1);
    },
    { withinMs: 60_000, everyMs: 2_000 },
  );
  await expect(fleet.manager.pause(runId)).rejects.toMatchObject({
    code: 'WrongState',
    message: expect.stringMatching(
      /^Steering run \S+: its workflow task fails again and again, so it takes no orders\. See why: temporal workflow show/,
    ),
  });
  expect(await fleet.cli('pause', runId)).toMatchObject({ status: 1, stderr: expect.not.stringContaining('    at ') });
  await fleet.client.workflow.getHandle('wedged-slot').terminate();
  await eventually(async () => expect(await fleet.manager.status(runId)).toMatchObject({ state: 'lost' }), {
    withinMs: 20_000,
  });
}, 90_000);

test('what somebody paused in Temporal is alive, and is told with who, why and the line that ends it', async () => {
  await fleet.addRows('1', 20_000, 600);
  if (fleet.workers().length === 0) await fleet.startWorker();
  const run = await fleet.start();
  const release = await holdDump(fleet);
  const followed = fleet.cli('follow', run.runId);
  const hand = async (line: string): Promise<void> => {
    expect(await fleet.temporal(...line.split(' '))).toMatchObject({ status: 0 });
  };
  await hand('activity pause -w vehicle-sync/1 -a 1 --identity anna@depot --reason exchange');
  await hand('workflow pause -w fleet-sync/all --reason exchange');
  const findings = await eventually(async () => {
    const found = await pausedFindings(session());
    expect(found).toHaveLength(2);
    return found.toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
  });
  expect(findings).toMatchObject([
    {
      subject: 'fleet-sync/all',
      found: expect.stringMatching(/^fleet-sync\/all is paused in Temporal since 20\S+Z, by \S+: exchange$/),
      remedy: "temporal workflow unpause -w 'fleet-sync/all'",
    },
    {
      subject: 'vehicle-sync/1',
      found: expect.stringMatching(
        /^activity exportRange of vehicle-sync\/1 is paused in Temporal since 20\S+Z, by anna@depot: exchange$/,
      ),
      remedy: "temporal activity unpause -w 'vehicle-sync/1' -a 1",
    },
  ]);
  await expect(fleet.manager.pause(run.runId)).rejects.toMatchObject({
    code: 'WrongState',
    message: `Steering run ${run.runId}: it is paused in Temporal and takes no orders. End the pause: temporal workflow unpause -w 'fleet-sync/all'.`,
  });
  // Longer than the lease, and several rounds of the janitor.
  await sleep(5_000);
  expect(await fleet.manager.status(run.runId)).toMatchObject({ state: 'running', failed: 0 });
  release();
  for (const { remedy } of findings) await hand(remedy.replace('temporal ', '').replaceAll("'", ''));
  expect(await run.result()).toMatchObject({ completed: 1, failed: 0 });
  const { stdout } = await followed;
  expect(stdout).toMatch(
    /activity exportRange of vehicle-sync\/1 is paused in Temporal since .*to end it: temporal activity unpause/,
  );
}, 120_000);

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
