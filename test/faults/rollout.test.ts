/** What becomes of a rollout when its worker dies, nobody works, or somebody ends it by hand. */
import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createSettleLostRollouts } from '../../src/activities/legacy-sync/rollout/settle-lost-rollouts.ts';
import { createIsAlive } from '../../src/workers/is-alive.ts';
import type { rollout as rolloutWorkflow } from '../../src/workflows/legacy-sync/rollout.ts';
import type { RolloutInput } from '../../src/workflows/legacy-sync/rollout-contract.ts';
import { LEGACY_SYNC_TASK_QUEUE, rolloutWorkflowId } from '../../src/workflows/legacy-sync/messages.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, SERVER_ID, withFleet } from '../support/fleet.ts';
import { addNews, governed, keepDriving, positionsOf, rollout, rolloutOf, stepsOf } from '../support/rollout.ts';

const TIMEOUT_MS = 180_000;
const PATIENCE = { withinMs: 90_000 };
const BEFORE = { limit: null, slots: 3, adaptive: false };
/** It would be the first to find what was terminated. */
const NO_JANITOR = 3_600_000;
const WORKFLOW_ID = rolloutWorkflowId(SERVER_ID);

const start = (fleet: Fleet, input: Partial<RolloutInput> = {}) =>
  fleet.client.workflow.start<typeof rolloutWorkflow>('rollout', {
    workflowId: WORKFLOW_ID,
    taskQueue: LEGACY_SYNC_TASK_QUEUE,
    args: [{ serverId: SERVER_ID, requestedBy: 'test', ...input }],
  });

const untilSteps = (fleet: Fleet, steps: string[]): Promise<void> =>
  eventually(async () => expect(await stepsOf(fleet)).toEqual(steps), PATIENCE);

async function hand(fleet: Fleet, ...line: string[]): Promise<void> {
  expect(await fleet.temporal('workflow', ...line)).toMatchObject({ status: 0 });
}

test(
  'started while no worker runs, killed in the midst of a step, without news before each, and continued as new after each: every step is in force once',
  () =>
    withFleet({}, async (fleet) => {
      await fleet.addVehicles(3, { rows: 20 });
      const run = await start(fleet, { unattended: true, stepsPerHistory: 1, newsWaitMs: 300 });
      // The third vehicle is the pilot's.
      const killed = await fleet.startWorker({ fault: 'import:before-commit:3' });
      await killed.ended;
      expect(await stepsOf(fleet)).toEqual(['test 1 good', 'pilot 2 running']);
      expect(await governed(fleet)).toEqual({ ...BEFORE, limit: 2 });
      await fleet.startWorker();
      await keepDriving(fleet);
      expect(await run.result()).toEqual({ state: 'completed', step: 'full' });
      const steps = ['test 1', 'pilot 2', 'gradual 2', 'gradual 3', 'full 8'];
      expect(await stepsOf(fleet)).toEqual(steps.map((step) => `${step} good`));
      const atSource = await Promise.all(['1', '2', '3'].map((id) => fleet.countLegacyRows(id)));
      expect(await positionsOf(fleet)).toBe(atSource.reduce((sum, rows) => sum + rows));
      expect(await governed(fleet)).toEqual({ limit: null, slots: 8, adaptive: true });
      const query = "WorkflowType = 'rollout' AND ExecutionStatus = 'ContinuedAsNew'";
      // Of the first history two tries of steps, of each other one; each step but the first was tried without news, too.
      await eventually(async () => expect((await fleet.client.workflow.count(query)).count).toBeGreaterThanOrEqual(7));
      const { rows } = await fleet.pool.query(
        `SELECT actor, count(*)::int AS acts FROM audit_log WHERE action = 'rollout.advance' GROUP BY 1`,
      );
      expect(rows).toEqual([{ actor: 'rollout', acts: 4 }]);
    }),
  TIMEOUT_MS,
);

test(
  'reset, it begins again with the limits of its first step; cancelled, nothing of it is left but what arrived',
  () =>
    withFleet({}, async (fleet) => {
      await fleet.addVehicles(3, { rows: 20 });
      await fleet.startWorker();
      await start(fleet);
      await untilSteps(fleet, ['test 1 good']);
      await addNews(fleet);
      await rollout(fleet, 'advance', SERVER_ID, '--wait');
      expect(await governed(fleet)).toEqual({ ...BEFORE, limit: 2 });
      await addNews(fleet);
      await hand(fleet, 'reset', '-w', WORKFLOW_ID, '--type', 'FirstWorkflowTask', '--reason', 'again');
      await untilSteps(fleet, ['test 1 good', 'pilot 2 withdrawn', 'test 1 good']);
      expect(await governed(fleet)).toEqual({ ...BEFORE, limit: 1 });
      await addNews(fleet);
      await rollout(fleet, 'advance', SERVER_ID, '--wait');
      await hand(fleet, 'cancel', '-w', WORKFLOW_ID);
      await eventually(async () => expect(await rolloutOf(fleet)).toMatchObject({ state: 'cancelled' }));
      expect(await governed(fleet)).toEqual(BEFORE);
      expect(await positionsOf(fleet)).toBe(69);
    }),
  TIMEOUT_MS,
);

test(
  'the workflow of a rollout is terminated: the doctor tells what stands changed, and the janitor of the next worker puts it back',
  () =>
    withFleet({ settings: { 'cleanup.interval_ms': NO_JANITOR } }, async (fleet) => {
      await fleet.addVehicles(3, { rows: 20 });
      const worker = await fleet.startWorker();
      await start(fleet, { stepsPerHistory: 1 });
      await untilSteps(fleet, ['test 1 good']);
      for (let step = 0; step < 2; step += 1) {
        await addNews(fleet);
        await rollout(fleet, 'advance', SERVER_ID, '--wait');
      }
      const janitor = createSettleLostRollouts({
        pool: fleet.pool,
        isAlive: createIsAlive(fleet.client),
        log: pino({ level: 'silent' }),
      });
      // Continued as new by now. What runs is nobody's to settle.
      expect(await janitor()).toEqual([]);
      const held = { ...BEFORE, limit: 2 };
      expect([await governed(fleet), (await rolloutOf(fleet)).state]).toEqual([held, 'running']);
      expect((await fleet.cli('doctor')).stdout).not.toContain('rollout of depot');

      await worker.kill();
      await hand(fleet, 'terminate', '-w', WORKFLOW_ID, '--reason', 'by mistake');
      const told = await fleet.cli('doctor');
      expect(told).toMatchObject({ status: 1 });
      expect(told.stdout).toMatch(
        /✗ rollout of depot: its row says that it is running, and its workflow is terminated: it has set limits\.maxConcurrentVehicles of depot to 2, which was that of the setting\n.*npm run fleetgraph -- worker;.*rollout start depot/,
      );
      expect(await governed(fleet)).toEqual(held);

      await fleet.set({ 'cleanup.interval_ms': 500 });
      await fleet.startWorker();
      await eventually(async () => expect(await rolloutOf(fleet)).toMatchObject({ state: 'lost' }), PATIENCE);
      expect(await governed(fleet)).toEqual(BEFORE);
      expect((await fleet.cli('doctor')).stdout).not.toContain('rollout of depot');
      const { rows } = await fleet.pool.query(`SELECT action, subject, reason FROM audit_log WHERE actor = 'janitor'`);
      const put = { action: 'server.changed', subject: 'server depot' };
      const reason = expect.stringMatching(/^rollout of depot: it ends \(rollout \S+ was ended from outside\)$/);
      // One for each change of the limit, the last one first: gradual's was pilot's already.
      expect(rows).toEqual([
        { ...put, reason },
        { ...put, reason },
      ]);
      // Brought to life again by a reset, it waits as before; its next step would change what nobody puts back.
      await hand(fleet, 'reset', '-w', WORKFLOW_ID, '--type', 'FirstWorkflowTask', '--reason', 'again');
      expect(await rollout(fleet, 'advance', SERVER_ID)).toMatchObject({ status: 1 });
      await expect(fleet.client.workflow.getHandle(WORKFLOW_ID).result()).rejects.toMatchObject({
        cause: {
          cause: { type: 'WrongState', message: expect.stringContaining('it is lost, and what it had changed') },
        },
      });
      expect([await governed(fleet), (await rolloutOf(fleet)).state]).toEqual([BEFORE, 'lost']);
    }),
  TIMEOUT_MS,
);

test(
  'terminated, it leaves its limit; the next rollout finds that, and does not take the limit for the server’s own',
  () =>
    withFleet({ settings: { 'cleanup.interval_ms': NO_JANITOR } }, async (fleet) => {
      await fleet.addVehicles(3, { rows: 20 });
      await fleet.startWorker();
      await start(fleet);
      await untilSteps(fleet, ['test 1 good']);
      await hand(fleet, 'terminate', '-w', WORKFLOW_ID, '--reason', 'by mistake');
      expect((await rollout(fleet, 'advance', SERVER_ID)).text).toContain('none is under way');
      expect(await governed(fleet)).toEqual({ ...BEFORE, limit: 1 });
      const { rolloutId } = await rolloutOf(fleet);
      await addNews(fleet);
      expect(await rollout(fleet, 'start', SERVER_ID, '--wait')).toMatchObject({ status: 0 });
      const { rows } = await fleet.pool.query('SELECT state FROM rollouts WHERE rollout_id = $1', [rolloutId]);
      expect(rows).toEqual([{ state: 'lost' }]);
      expect((await rolloutOf(fleet)).steps.at(-1)).toEqual({
        name: 'full',
        vehicles: null,
        workers: 8,
        limit: null,
        adaptive: true,
      });
      expect((await rollout(fleet, 'back', SERVER_ID, '--reason', 'not today')).text).toContain('is withdrawn');
      expect(await governed(fleet)).toEqual(BEFORE);
    }),
  TIMEOUT_MS,
);

test(
  'a step that is running is taken back: its sync is cancelled, cleans up, and the limits are those of before',
  () =>
    withFleet({ settings: { 'export.compression': 'none' } }, async (fleet) => {
      await fleet.addVehicles(2, { rows: 3_000, padding: 300 });
      const link = await fleet.linkToHost();
      link.set({ kind: 'rate', bytesPerSecond: 60_000 });
      await fleet.startWorker();
      await start(fleet);
      const runId = await eventually(async () => {
        const [first] = (await rolloutOf(fleet)).runs;
        const { rows } = await fleet.pool.query("SELECT FROM vehicle_syncs WHERE run_id = $1 AND state = 'claimed'", [
          first!.runId,
        ]);
        expect(rows).toHaveLength(1);
        return first!.runId!;
      }, PATIENCE);
      expect((await rollout(fleet, 'advance', SERVER_ID)).text).toContain('step test is running. Wait for its end');
      const back = rollout(fleet, 'back', SERVER_ID, '--reason', 'the host is needed');
      await eventually(async () => expect((await fleet.manager.status(runId)).state).toBe('cancelled'), PATIENCE);
      link.set({ kind: 'pass' });
      expect((await back).text).toContain('the rollout of depot is withdrawn');
      expect(await stepsOf(fleet)).toEqual(['test 1 withdrawn']);
      expect(await governed(fleet)).toEqual(BEFORE);
    }),
  TIMEOUT_MS,
);

test(
  'an order given by hand with a wrong input is refused and harms nothing; one that cannot be planned fails and says why',
  () =>
    withFleet({}, async (fleet) => {
      await fleet.startWorker();
      const none = await rollout(fleet, 'start', SERVER_ID, '--wait');
      expect(none).toMatchObject({
        status: 1,
        text: expect.stringMatching(/it has no enabled vehicle[^]*Nothing was changed/),
      });
      expect(await rollout(fleet, 'start', 'nowhere')).toMatchObject({
        status: 1,
        text: expect.stringContaining('There is no legacy server nowhere'),
      });
      await fleet.addVehicles(2, { rows: 20 });
      await start(fleet);
      await untilSteps(fleet, ['test 1 good']);
      const order = (name: string, input: string) =>
        fleet.temporal('workflow', 'update', 'execute', '-w', WORKFLOW_ID, '--name', name, '--input', input);
      for (const [input, says] of [
        ['null', 'its input must be an object'],
        ['{"actor":7}', 'actor must be a text'],
        ['{"actor":"me","again":"yes"}', 'again must be true or false'],
      ] as const) {
        expect((await order('advance', input)).stderr).toContain(says);
      }
      await addNews(fleet);
      expect(await order('advance', '{"actor":"me"}')).toMatchObject({ status: 0 });
      await untilSteps(fleet, ['test 1 good', 'gradual 2 good']);
      expect((await rolloutOf(fleet)).runs[1]).toMatchObject({ openedBy: 'me' });
    }),
  TIMEOUT_MS,
);
