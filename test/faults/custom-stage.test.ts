/** A stage that another program registered, and that program fails, dies or is not there. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';
import { TRANSPORT_GRAPH_TASK_QUEUE } from '../../src/workflows/transport-graph/messages.ts';
import { eventually } from '../support/eventually.ts';
import { type RunningProgram, startProgram } from '../support/fleet-worker.ts';
import { type ToldPipeline, openToldPipeline } from '../support/told-pipeline.ts';

const STAGE = 'tell-drivers';
const PROGRAM = join(checkoutDir(), 'test/support/stage-program.mjs');

let world: ToldPipeline;
const programs: RunningProgram[] = [];
beforeAll(async () => {
  world = await openToldPipeline();
  await world.pipeline.set({ 'retry.initial_ms': 50, 'retry.worker_patience_ms': 3_000 });
  await world.pipeline.orchestrator.executeFullPipeline();
});
beforeEach(async () => {
  world.sinks.clear();
  await world.pipeline.pool.query('DELETE FROM alerts');
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map(kill));
});
afterAll(() => world.close());

/** Of Temporal's enum: those that run activities. */
const ACTIVITY_TASK_QUEUE = 2;

/** Starts the program; resolves when it asks for work. */
async function start(end: 'works' | 'fails' | 'never ends'): Promise<RunningProgram> {
  const { client, environment } = world.pipeline;
  const program = startProgram(process.execPath, [PROGRAM, end], environment);
  programs.push(program);
  await eventually(
    async () => {
      const { pollers } = await client.workflowService.describeTaskQueue({
        namespace: client.options.namespace,
        taskQueue: { name: `${TRANSPORT_GRAPH_TASK_QUEUE}.${STAGE}` },
        taskQueueType: ACTIVITY_TASK_QUEUE,
      });
      // Those of programs that were killed are listed for minutes.
      expect(pollers!.map(({ identity }) => Number.parseInt(identity!, 10))).toContain(program.process.pid);
    },
    { withinMs: 30_000 },
  );
  return program;
}

async function kill(program: RunningProgram): Promise<void> {
  program.process.kill('SIGKILL');
  await program.ended;
}

const begun = (program: RunningProgram): Promise<void> =>
  eventually(() => expect(program.said.stdout).toContain('begun'));
const lastRow = async (): Promise<unknown> =>
  (
    await world.pipeline.rows(
      `SELECT status, attempts, failure_code AS code, message, added FROM stage_runs WHERE worker_id = $1 ORDER BY id DESC LIMIT 1`,
      [STAGE],
    )
  )[0];

/** What the admin was told: in the rows, and by each channel. */
async function told(): Promise<unknown> {
  const { pipeline, sinks } = world;
  const rows = await pipeline.rows('SELECT worker_id AS worker, subject, message, delivery FROM alerts ORDER BY id');
  return { rows, posts: sinks.posts.length, mails: sinks.mails.length };
}
const toldOnce = (subject: string, message: string): unknown => ({
  rows: [{ worker: STAGE, subject, message, delivery: { webhook: 'sent', email: 'sent' } }],
  posts: 1,
  mails: 1,
});
const toldNothing = { rows: [], posts: 0, mails: 0 };

test('it fails: tried again, told once, and the pipeline is a success that says so', async () => {
  await start('fails');
  const result = await world.pipeline.orchestrator.executeFullPipeline();
  const message = 'the printer is on fire';
  expect(result).toMatchObject({
    success: true,
    workersExecuted: 4,
    message: `Pipeline executed, and optional ${STAGE} failed: ${message}`,
  });
  expect(result.workerResults.at(-1)).toMatchObject({ success: false, workerId: STAGE, message, error: message });
  expect(await lastRow()).toEqual({ status: 'failed', attempts: 2, code: 'CustomStageFailed', message, added: 0 });
  expect(await told()).toEqual(toldOnce(`${STAGE} failed: CustomStageFailed`, message));
});

test('it fails and is critical: the pipeline failed', async () => {
  await start('fails');
  const critical = (is: boolean) =>
    world.pipeline.rows('UPDATE pipeline_stages SET critical = $2 WHERE worker_id = $1', [STAGE, is]);
  await critical(true);
  expect(await world.pipeline.orchestrator.executeFullPipeline()).toMatchObject({
    success: false,
    workersExecuted: 4,
    error: `${STAGE}: the printer is on fire`,
  });
  await critical(false);
});

test('a critical stage before it fails: the pipeline stops, and the program is asked for nothing', async () => {
  const { pipeline } = world;
  const program = await start('works');
  const before = await lastRow();
  const broken = { ...pipeline.network.Routes[0], Id: 'route-broken', ToStopId: 'stop-nowhere' };
  pipeline.network.Routes.push(broken);
  expect(await pipeline.orchestrator.executeFullPipeline()).toMatchObject({
    success: false,
    workersExecuted: 3,
    error: expect.stringMatching(/^graph-builder: The graph of dataset \d+ is not valid/),
  });
  expect(program.said.stdout).not.toContain('begun');
  expect(await lastRow()).toEqual(before);
  pipeline.network.Routes.pop();
});

test('its program dies in the middle and is started anew: the stage is done by the second attempt, and nobody is told', async () => {
  await world.pipeline.set({ 'retry.worker_patience_ms': 30_000 });
  const first = await start('never ends');
  const running = world.pipeline.orchestrator.executeFullPipeline();
  await begun(first);
  await kill(first);
  const next = await start('works');
  const result = await running;
  await begun(next);
  await world.pipeline.set({ 'retry.worker_patience_ms': 3_000 });
  expect(result).toMatchObject({ success: true, workersExecuted: 4 });
  expect(result.workerResults.at(-1)).toMatchObject({ success: true, message: 'Drivers told' });
  expect(await lastRow()).toMatchObject({ status: 'success', attempts: 2, code: null, added: 3 });
  expect(await told()).toEqual(toldNothing);
});

test('its program dies in the middle and nobody comes: the stage was executed and is lost, and the admin is told', async () => {
  const first = await start('never ends');
  const running = world.pipeline.orchestrator.executeFullPipeline();
  await begun(first);
  await kill(first);
  const result = await running;
  const message = 'no worker answered in time: activity ScheduleToStart timeout';
  expect(result).toMatchObject({
    success: true,
    workersExecuted: 4,
    message: `Pipeline executed, and optional ${STAGE} failed: ${message}`,
  });
  expect(result.workerResults.at(-1)).toMatchObject({ success: false, message, error: message });
  expect(await lastRow()).toEqual({ status: 'failed', attempts: 1, code: 'Lost', message, added: 0 });
  expect(await told()).toEqual(toldOnce(`${STAGE} failed: Lost`, message));
});

test('its program is not there: the stage cannot run, was not executed, and the admin is told', async () => {
  await kill(await start('works'));
  const result = await world.pipeline.orchestrator.executeFullPipeline();
  const message = `Worker ${STAGE} cannot run: no worker`;
  expect(result).toMatchObject({
    success: true,
    workersExecuted: 3,
    message: `Pipeline executed, and optional ${STAGE} failed: ${message}`,
  });
  expect(result.workerResults.at(-1)).toMatchObject({ success: false, workerId: STAGE, message, error: message });
  expect(await lastRow()).toEqual({ status: 'failed', attempts: 0, code: 'CannotRun', message, added: 0 });
  expect(await told()).toEqual(toldOnce(`${STAGE} failed: CannotRun`, message));
});

test('its program is not there, and somebody starts the stage alone: the answer says so, and the admin is told', async () => {
  await kill(await start('works'));
  const message = `Worker ${STAGE} cannot run: no worker`;
  expect(await world.pipeline.orchestrator.executeWorker(STAGE)).toMatchObject({ success: false, message });
  expect(await told()).toEqual(toldOnce(`${STAGE} failed: CannotRun`, message));
});
