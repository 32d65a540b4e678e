/** A stage that another program registered, and that program fails, dies or is not there. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';
import { eventually } from '../support/eventually.ts';
import { type RunningProgram, startProgram } from '../support/fleet-worker.ts';
import { type ToldPipeline, openToldPipeline } from '../support/told-pipeline.ts';

const STAGE = 'tell-drivers';
const PROGRAM = join(checkoutDir(), 'test/support/stage-program.mjs');

let world: ToldPipeline;
const programs: RunningProgram[] = [];
beforeAll(async () => {
  world = await openToldPipeline();
  await world.pipeline.set({ 'retry.initial_ms': 50, 'retry.worker_patience_ms': 2_000 });
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

/** Starts the program; resolves when its stage is registered. */
async function start(end: 'works' | 'fails' | 'never ends'): Promise<RunningProgram> {
  const program = startProgram(process.execPath, [PROGRAM, end], world.pipeline.environment);
  programs.push(program);
  await eventually(async () =>
    expect(await world.pipeline.rows('SELECT FROM pipeline_stages WHERE worker_id = $1', [STAGE])).toHaveLength(1),
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

test('its program dies in the middle and is started anew: the stage is done by the second attempt, and nobody is told', async () => {
  const first = await start('never ends');
  const running = world.pipeline.orchestrator.executeFullPipeline();
  await begun(first);
  await kill(first);
  const next = await start('works');
  const result = await running;
  await begun(next);
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
  const message = `Worker ${STAGE} cannot run: no worker`;
  expect(await world.pipeline.orchestrator.executeWorker(STAGE)).toMatchObject({ success: false, message });
  expect(await told()).toEqual(toldOnce(`${STAGE} failed: CannotRun`, message));
});
