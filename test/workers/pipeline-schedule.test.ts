/** When the pipeline runs, and how it is ended: its schedule, one at a time, and a cancellation at every stage. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import pg from 'pg';
import {
  ODATA_SYNC,
  GRAPH_BUILDER,
  VIRTUAL_ENTITIES,
  PIPELINE_SCHEDULE_ID,
  PIPELINE_WORKFLOW_ID,
} from '../../src/workflows/transport-graph/messages.ts';
import { eventually } from '../support/eventually.ts';
import { type FleetWorker, runProgram } from '../support/fleet-worker.ts';
import { type HeldSource, type Pipeline, holdSource, openPipeline } from '../support/pipeline.ts';

let pipeline: Pipeline;
let worker: FleetWorker;
const schedule = () => pipeline.client.schedule.getHandle(PIPELINE_SCHEDULE_ID);
beforeAll(async () => {
  pipeline = await openPipeline({ settings: { 'schedule.enabled': true } });
  worker = await pipeline.startWorker();
});
afterAll(() => pipeline.close());

const restart = async (): Promise<void> => {
  await worker.stop();
  worker = await pipeline.startWorker();
};

test('every six hours, skipping what would overlap, made up for within an hour', async () => {
  const { spec, policies, action } = await schedule().describe();
  expect(spec.intervals?.map(({ every }) => every)).toEqual([21_600_000]);
  expect(policies).toMatchObject({ overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: 3_600_000 });
  expect(action).toMatchObject({ workflowType: 'scheduledPipeline', taskQueue: 'transport-graph' });
});

test('a worker’s start brings a changed interval, and leaves an operator’s pause as it is', async () => {
  await schedule().pause('until the depot has power');
  // So long that no hour strikes while the tests run.
  await pipeline.set({ 'schedule.interval_ms': 8_640_000_000 });
  await restart();
  const { spec, state } = await schedule().describe();
  expect(spec.intervals?.map(({ every }) => every)).toEqual([8_640_000_000]);
  expect(state).toMatchObject({ paused: true, note: 'until the depot has power' });
  await schedule().unpause();
});

test('a schedule that somebody deleted is made anew, and a changed interval is followed, by a worker that runs', async () => {
  await pipeline.set({ 'stages.lost_check_ms': 300 });
  await restart();
  await schedule().delete();
  await pipeline.set({ 'schedule.interval_ms': 8_640_060_000 });
  await eventually(async () => {
    expect((await schedule().describe()).spec.intervals?.[0]?.every).toBe(8_640_060_000);
  });
  await schedule().pause('until the depot has power');
  expect((await pipeline.cli('doctor')).stdout).toContain('it is paused: until the depot has power');
  await pipeline.set({ 'schedule.interval_ms': 8_640_000_000 });
  await eventually(async () => {
    const { spec, state } = await schedule().describe();
    expect([spec.intervals?.[0]?.every, state.paused]).toEqual([8_640_000_000, true]);
  });
  await worker.stop();
  await schedule().delete();
  expect((await pipeline.cli('doctor')).stdout).toContain('Temporal has none');
  worker = await pipeline.startWorker();
  await schedule().describe();
});

test('it can be turned off', async () => {
  await pipeline.set({ 'schedule.enabled': false });
  await restart();
  await expect(schedule().describe()).rejects.toThrow(ScheduleNotFoundError);
  await pipeline.set({ 'schedule.enabled': true });
  await restart();
});

/** The wrapper that the schedule started, when it has ended. */
async function scheduledRun(): Promise<unknown> {
  const { info } = await schedule().describe();
  const action = info.recentActions.at(-1)?.action;
  if (action?.type !== 'startWorkflow') throw new Error('The schedule has started nothing yet.');
  return pipeline.client.workflow.getHandle(action.workflow.workflowId).result();
}

test('a scheduled run is skipped while one started by hand is running', async () => {
  const held = holdSource(pipeline.source);
  const byHand = pipeline.orchestrator.executeFullPipeline();
  await held.asked();
  await schedule().trigger(ScheduleOverlapPolicy.SKIP);
  expect(await eventually(scheduledRun)).toEqual({ status: 'skipped', result: null });
  held.release();
  expect(await byHand).toMatchObject({ success: true });
});

test('a run by hand is refused while a scheduled one is running', async () => {
  const held = holdSource(pipeline.source);
  await schedule().trigger(ScheduleOverlapPolicy.SKIP);
  await held.asked();
  expect(await pipeline.orchestrator.executeFullPipeline()).toMatchObject({
    success: false,
    error: 'The pipeline cannot run: it is already running',
  });
  held.release();
  expect(await eventually(scheduledRun)).toMatchObject({ status: 'ran', result: { success: true } });
});

test('a stage that somebody runs alone meanwhile is waited for, and nothing is built beside it', async () => {
  pipeline.network.Routes[0]!['DurationMinutes'] = 17;
  const source = holdSource(pipeline.source);
  const alone = pipeline.orchestrator.executeWorker(ODATA_SYNC);
  await source.asked();
  const whole = pipeline.orchestrator.executeFullPipeline();
  const details = async (): Promise<unknown> => {
    const handle = pipeline.client.workflow.getHandle(PIPELINE_WORKFLOW_ID);
    return (await handle.query<{ currentDetails: string }, []>('__temporal_workflow_metadata')).currentDetails;
  };
  await eventually(async () => expect(await details()).toBe(`waiting for ${ODATA_SYNC}, which runs alone`));
  source.release();
  expect(await alone).toMatchObject({ success: true, message: expect.stringContaining('completed') });
  expect(await whole).toMatchObject({ success: true, workersExecuted: 3 });
  // The optional second stage, too: the third may not begin while it is at work; and the third.
  for (const [workerId, name] of [
    [VIRTUAL_ENTITIES, 'fleetgraph virtual entities'],
    [GRAPH_BUILDER, 'fleetgraph graph switch'],
  ] as const) {
    const lock = await holdLock(`SELECT pg_advisory_xact_lock(hashtextextended('${name}', 0))`);
    const working = pipeline.orchestrator.executeWorker(workerId, { force: { actor: 'test', reason: 'to wait for' } });
    await lock.wanted();
    const next = pipeline.orchestrator.executeFullPipeline();
    await eventually(async () => expect(await details()).toBe(`waiting for ${workerId}, which runs alone`));
    expect(await pipeline.rows(`SELECT worker_id AS id FROM stage_runs WHERE status = 'running'`)).toEqual([
      { id: workerId },
    ]);
    await lock.release();
    expect(await working).toMatchObject({ success: true });
    expect(await next).toMatchObject({ success: true, workersExecuted: 3 });
  }
});

/** What a cancelled run may not have changed. */
const traces = async (): Promise<unknown> => [
  await pipeline.rows(`SELECT version, state FROM datasets ORDER BY version`),
  await pipeline.rows(`SELECT count(*)::int AS flights, max(departure_at) AS last FROM flights`),
  await pipeline.rows(`SELECT version, state FROM graphs ORDER BY id`),
  (await pipeline.redis.keys('graph:*')).length,
  await pipeline.redis.get('graph:version'),
];

/** Stages whose worker was told. One that could wait no longer for its lock has ended just as well. */
const heard = (): string[] => pipeline.log().filter((line) => /Worker (interrupted|failed)/.test(line));
/** With the answer to a heartbeat, and these come every three seconds. */
const untilHeard = (times: number): Promise<void> => eventually(() => expect(heard()).toHaveLength(times));

/** Cancels the pipeline, lets the stage go on when its worker has heard of it, and waits for the end. */
async function cancel(release?: () => Promise<void>): Promise<void> {
  const before = heard().length;
  expect(await pipeline.orchestrator.cancelPipeline({ actor: 'test', reason: 'wrong source' })).toBe(true);
  await untilHeard(before + 1);
  const handle = pipeline.client.workflow.getHandle(PIPELINE_WORKFLOW_ID);
  // A stage that is still at work has not ended, however much it was cancelled.
  if (release !== undefined && heard().at(-1)!.includes('interrupted'))
    expect((await handle.describe()).status.name).toBe('RUNNING');
  await release?.();
  await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
}

async function expectCancelled(stage: string): Promise<void> {
  expect(
    await pipeline.rows(
      `SELECT worker_id AS stage, status, failure_code AS code FROM stage_runs ORDER BY stage_runs.id DESC LIMIT 1`,
    ),
  ).toEqual([{ stage, status: 'failed', code: 'Cancelled' }]);
  expect(await pipeline.rows(`SELECT FROM stage_runs WHERE status = 'running'`)).toEqual([]);
}

let held: HeldSource | null = null;
afterEach(() => held?.release());

test('cancelled while it reads the source: no dataset', async () => {
  pipeline.network.Routes[0]!['DurationMinutes'] = 21;
  const before = await traces();
  held = holdSource(pipeline.source);
  const running = pipeline.orchestrator.executeFullPipeline();
  await held.asked();
  await cancel();
  held.release();
  expect(await running).toMatchObject({ success: false });
  await expectCancelled('odata-sync-worker');
  expect(await traces()).toEqual(before);
});

/** Holds a lock that the stage needs, in a session of its own, until the stage waits for it. */
async function holdLock(statement: string): Promise<{ wanted(): Promise<void>; release(): Promise<void> }> {
  const client = new pg.Client({ connectionString: pipeline.environment['FLEETGRAPH_POSTGRES_URL'] });
  await client.connect();
  await client.query(`BEGIN; ${statement}`);
  return {
    wanted: () =>
      eventually(async () => {
        const waiting = await pipeline.rows(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        if (waiting.length === 0) throw new Error('Nobody waits for the lock.');
      }),
    release: () => client.end(),
  };
}

test.each([
  [
    'virtual-entities-generator',
    ['odata-sync-worker'],
    `SELECT pg_advisory_xact_lock(hashtextextended('fleetgraph virtual entities', 0))`,
  ],
  ['graph-builder', ['odata-sync-worker', 'virtual-entities-generator'], 'LOCK TABLE graphs IN SHARE MODE'],
])('cancelled in %s: nothing of it is left', async (stage, prior, statement) => {
  for (const each of prior) await pipeline.orchestrator.executeWorker(each);
  const before = await traces();
  const lock = await holdLock(statement);
  const running = pipeline.orchestrator.executeFullPipeline();
  await lock.wanted();
  await cancel(lock.release);
  expect(await running).toMatchObject({ success: false });
  await expectCancelled(stage);
  expect(await traces()).toEqual(before);
});

test('what was cancelled is done by the next run, and each cancellation stands in the audit log', async () => {
  expect(await pipeline.orchestrator.executeFullPipeline()).toMatchObject({ success: true, workersExecuted: 3 });
  expect(await pipeline.rows(`SELECT reason FROM audit_log WHERE action = 'pipeline.cancelled'`)).toHaveLength(3);
  held = holdSource(pipeline.source);
  const running = pipeline.orchestrator.executeFullPipeline();
  await held.asked();
  const cancelled = await pipeline.cli('graph', 'cancel', '--reason', 'enough');
  expect(cancelled.stdout).toBe('cancelling\n');
  held.release();
  await running;
  expect((await pipeline.cli('graph', 'cancel', '--reason', 'nothing runs')).stdout).toBe('no pipeline is running\n');
});

/** As an operator does it. */
async function reset(workflowId: string, type: 'FirstWorkflowTask' | 'LastWorkflowTask'): Promise<void> {
  const { binary } = pipeline.stack.temporal;
  const line = ['workflow', 'reset', '-w', workflowId, '--type', type, '--reason', 'try it again'];
  expect(await runProgram(binary, line, pipeline.environment)).toMatchObject({ status: 0 });
}
const rowsOfLastPipeline = (): Promise<unknown[]> =>
  pipeline.rows(
    `SELECT worker_id AS stage, status, failure_code AS code FROM stage_runs
      WHERE pipeline_run_id = (SELECT pipeline_run_id FROM stage_runs ORDER BY id DESC LIMIT 1) ORDER BY id`,
  );
async function activitiesOf(workflowId: string): Promise<(string | null | undefined)[]> {
  const { events } = await pipeline.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);
}
const alerts = async (): Promise<number> => (await pipeline.rows('SELECT FROM alerts')).length;

test.each(['FirstWorkflowTask', 'LastWorkflowTask'] as const)(
  'a pipeline that is reset to its %s while a stage runs waits for that stage, and takes its result',
  async (type) => {
    const before = await alerts();
    pipeline.network.Routes[0]!['DurationMinutes'] = type === 'FirstWorkflowTask' ? 31 : 32;
    held = holdSource(pipeline.source);
    const running = pipeline.orchestrator.executeFullPipeline();
    await held.asked();
    await reset(PIPELINE_WORKFLOW_ID, type);
    // The last task knows its stage. From the first on it is looked for: one that had ended by then would be run once more, as whoever resets
    // an ended pipeline wants it.
    const looked = async () => expect(await activitiesOf(PIPELINE_WORKFLOW_ID)).toContain('followStage');
    if (type === 'FirstWorkflowTask') await eventually(looked);
    held.release();
    expect(await running).toMatchObject({ success: true, workersExecuted: 3 });
    expect(await rowsOfLastPipeline()).toEqual(
      ['odata-sync-worker', 'virtual-entities-generator', 'graph-builder'].map((stage) => ({
        stage,
        status: expect.stringMatching(stage === 'odata-sync-worker' ? /^success$/ : /^(success|skipped)$/),
        code: null,
      })),
    );
    expect(await alerts()).toBe(before);
  },
);

test('a stage that is reset goes on, alone or in its pipeline, and its row says so', async () => {
  const before = await alerts();
  for (const start of [
    () => pipeline.orchestrator.executeFullPipeline(),
    () => pipeline.orchestrator.executeWorker(ODATA_SYNC),
  ]) {
    held = holdSource(pipeline.source);
    const running = start();
    await held.asked();
    await reset(`transport-graph/${ODATA_SYNC}`, 'FirstWorkflowTask');
    held.release();
    expect(await running).toMatchObject({ success: true });
    expect(
      await pipeline.rows(
        `SELECT status, failure_code AS code FROM stage_runs WHERE worker_id = '${ODATA_SYNC}' ORDER BY stage_runs.id DESC LIMIT 1`,
      ),
    ).toEqual([{ status: expect.stringMatching(/^(success|skipped)$/), code: null }]);
  }
  expect(await pipeline.rows(`SELECT FROM stage_runs WHERE status = 'running'`)).toEqual([]);
  expect(await alerts()).toBe(before);
});

test('a pipeline that was reset and is then cancelled cancels its stage of before', async () => {
  const before = await traces();
  held = holdSource(pipeline.source);
  const running = pipeline.orchestrator.executeFullPipeline();
  await held.asked();
  await reset(PIPELINE_WORKFLOW_ID, 'FirstWorkflowTask');
  await cancel();
  held.release();
  expect(await running).toMatchObject({ success: false });
  await eventually(() => expectCancelled(ODATA_SYNC));
  expect(await traces()).toEqual(before);
});

test('a stage that runs alone is cancelled by its name', async () => {
  held = holdSource(pipeline.source);
  const running = pipeline.orchestrator.executeWorker(ODATA_SYNC);
  await held.asked();
  const cancel = ['graph', 'cancel', '--stage', ODATA_SYNC, '--reason', 'started by mistake'];
  const before = heard().length;
  expect((await pipeline.cli(...cancel)).stdout).toBe('cancelling\n');
  await untilHeard(before + 1);
  held.release();
  expect(await running).toMatchObject({ success: false });
  await expectCancelled(ODATA_SYNC);
  expect((await pipeline.cli(...cancel)).stdout).toBe(`no ${ODATA_SYNC} is running\n`);
  expect(await pipeline.rows(`SELECT subject, reason FROM audit_log WHERE action = 'stage.cancelled'`)).toEqual([
    { subject: ODATA_SYNC, reason: 'started by mistake' },
  ]);
});
