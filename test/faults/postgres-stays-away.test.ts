/**
 * PostgreSQL is away for longer than a run waits for it. The bound of ten minutes is looked at where Temporal has it, and then shortened there, as
 * an operator may do it by `temporal activity update-options`: nothing of the product is another.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { PIPELINE_WORKFLOW_ID, stageWorkflowId } from '../../src/workflows/transport-graph/messages.ts';
import { eventually } from '../support/eventually.ts';
import { holdSource } from '../support/pipeline.ts';
import { type ToldPipeline, openToldPipeline } from '../support/told-pipeline.ts';

const ODATA = 'odata-sync-worker';
const TEN_MINUTES = 600;
/** Of Temporal's enum of an activity's states. */
const ATTEMPT_STARTED = 2;

let world: ToldPipeline;
beforeAll(async () => {
  world = await openToldPipeline();
  await world.pipeline.set({ 'retry.initial_ms': 50 });
  // The worker keeps the channels for the time in which PostgreSQL does not tell them.
  await world.pipeline.orchestrator.executeFullPipeline();
});
beforeEach(() => world.sinks.clear());
afterEach(() => world.postgres.set({ kind: 'pass' }));
afterAll(() => world.close());

const statusOf = async (workflowId: string): Promise<string> =>
  (await world.pipeline.client.workflow.getHandle(workflowId).describe()).status.name;

/** The activities of a run that PostgreSQL failed twice at least, each of which has to give up after ten minutes. */
async function waiting(workflowId: string): Promise<string[]> {
  const { raw } = await world.pipeline.client.workflow.getHandle(workflowId).describe();
  const pending = raw.pendingActivities ?? [];
  for (const { activityOptions } of pending) {
    expect(Number(activityOptions?.scheduleToCloseTimeout?.seconds)).toBe(TEN_MINUTES);
  }
  const failed = pending.filter(({ attempt }) => attempt! > 2);
  return failed.map(({ activityType }) => activityType!.name!).sort();
}

/** As if the ten minutes of the activity were over. */
async function letTimePass(workflowId: string, type: string): Promise<void> {
  const { client } = world.pipeline;
  await client.workflowService.updateActivityOptions({
    namespace: client.options.namespace,
    execution: { workflowId },
    type,
    activityOptions: { scheduleToCloseTimeout: { seconds: 1 as never } },
    updateMask: { paths: ['schedule_to_close_timeout'] },
  });
}

/** Waits until an attempt is under way that gets no answer. */
async function hanging(workflowId: string): Promise<void> {
  world.postgres.set({ kind: 'blackhole' });
  await eventually(async () => {
    const { raw } = await world.pipeline.client.workflow.getHandle(workflowId).describe();
    expect(raw.pendingActivities?.[0]?.state).toBe(ATTEMPT_STARTED);
  });
}

const told = (): unknown[] => [...world.sinks.posts.map(({ subject }) => subject), world.sinks.mails.length];

test('a stage ends without its record, the admin is told once, and the row follows from the stage’s own answer', async () => {
  const { pipeline, postgres } = world;
  const held = holdSource(pipeline.source);
  const running = pipeline.orchestrator.executeWorker(ODATA);
  await held.asked();
  postgres.set({ kind: 'rst' });
  held.release();
  const subject = `${ODATA} failed: DatabaseUnavailable`;
  await eventually(() => expect(told()).toEqual([subject, 1]), { withinMs: 20_000 });
  await eventually(async () => expect(await waiting(stageWorkflowId(ODATA))).toEqual(['endStage', 'raiseAlert']));
  expect(told()).toEqual([subject, 1]);
  expect(await statusOf(stageWorkflowId(ODATA))).toBe('RUNNING');
  for (const type of ['endStage', 'raiseAlert']) await letTimePass(stageWorkflowId(ODATA), type);
  await eventually(async () => expect(await statusOf(stageWorkflowId(ODATA))).toBe('FAILED'));
  const { error } = await running;
  expect(error).toMatch(/PostgreSQL/);
  postgres.set({ kind: 'pass' });
  await eventually(async () =>
    expect(
      await pipeline.rows('SELECT status, failure_code AS code, message FROM stage_runs ORDER BY id DESC LIMIT 1'),
    ).toEqual([{ status: 'failed', code: 'DatabaseUnavailable', message: error }]),
  );
  expect(told()).toEqual([subject, 1]);
});

test('a pipeline that never learns its stages ends, the admin is told once, and the next one can run', async () => {
  const { pipeline, postgres } = world;
  postgres.set({ kind: 'rst' });
  const running = pipeline.orchestrator.executeFullPipeline();
  await eventually(async () => expect(await waiting(PIPELINE_WORKFLOW_ID)).toEqual(['readStages']));
  // The time is over in the middle of an attempt: what the one before failed of is told, not that nobody answered.
  await hanging(PIPELINE_WORKFLOW_ID);
  await letTimePass(PIPELINE_WORKFLOW_ID, 'readStages');
  postgres.set({ kind: 'rst' });
  const subject = 'the pipeline cannot run: DatabaseUnavailable';
  await eventually(() => expect(told()).toEqual([subject, 1]), { withinMs: 20_000 });
  await eventually(async () => expect(await waiting(PIPELINE_WORKFLOW_ID)).toEqual(['raiseAlert']));
  expect(told()).toEqual([subject, 1]);
  await letTimePass(PIPELINE_WORKFLOW_ID, 'raiseAlert');
  expect(await running).toMatchObject({
    success: false,
    workersExecuted: 0,
    error: expect.stringMatching(/PostgreSQL/),
  });
  expect(await statusOf(PIPELINE_WORKFLOW_ID)).toBe('FAILED');
  postgres.set({ kind: 'pass' });
  expect(await pipeline.orchestrator.executeFullPipeline()).toMatchObject({ success: true });
  expect(told()).toEqual([subject, 1]);
});
