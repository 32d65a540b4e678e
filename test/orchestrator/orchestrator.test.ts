/** This process embeds fleetgraph: its orchestrator and its stages are here, the pipeline's own stages in a worker process. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import pg from 'pg';
import { createCustomStages } from '../../src/orchestrator/custom-stages.ts';
import { closeWorkers, getWorkerOrchestrator, initializeWorkers } from '../../src/orchestrator/initialize-workers.ts';
import type { IBackgroundWorker, OrchestrationResult, WorkerExecutionResult } from '../../src/orchestrator/types.ts';
import { WorkerOrchestrator } from '../../src/orchestrator/worker-orchestrator.ts';
import { NO_WORKER, stageWorkflowId } from '../../src/workflows/transport-graph/messages.ts';
import { eventually } from '../support/eventually.ts';
import { type Pipeline, holdSource, openPipeline } from '../support/pipeline.ts';

Runtime.install({ logger: new DefaultLogger('ERROR') });

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await openPipeline();
  Object.assign(process.env, pipeline.environment);
});
afterAll(async () => {
  await closeWorkers();
  await pipeline.close();
});

test('nobody there to run anything: cannot run: no worker', async () => {
  const { client: temporal, pool: postgres } = pipeline;
  const customStages = createCustomStages(postgres);
  const alone = new WorkerOrchestrator({ temporal, postgres, customStages, workerPatienceMs: 300 });
  const stage: WorkerExecutionResult = await alone.executeWorker('graph-builder');
  expect(stage).toMatchObject({ success: false, message: `Worker graph-builder cannot run: ${NO_WORKER}` });
  const whole: OrchestrationResult = await alone.executeFullPipeline();
  expect(whole).toMatchObject({ success: false, workersExecuted: 0, error: `The pipeline cannot run: ${NO_WORKER}` });
});

test('what is started soon after the last worker was killed is withdrawn, and says so; what a worker has begun waits for the next one', async () => {
  const { client: temporal, pool: postgres } = pipeline;
  const worker = await pipeline.startWorker();
  const customStages = createCustomStages(postgres);
  const orchestrator = new WorkerOrchestrator({ temporal, postgres, customStages, workerPatienceMs: 2_000 });
  const held = holdSource(pipeline.source);
  const begun = orchestrator.executeWorker('odata-sync-worker');
  await held.asked();
  await worker.kill();
  // A task of the workflow that has begun waits as well, and longer than anybody's patience.
  await temporal.workflow.getHandle(stageWorkflowId('odata-sync-worker')).signal('look');
  expect(await orchestrator.executeWorker('graph-builder')).toMatchObject({
    success: false,
    message: `Worker graph-builder cannot run: ${NO_WORKER}`,
  });
  const withdrawn = await temporal.workflow.getHandle(stageWorkflowId('graph-builder')).describe();
  expect(withdrawn.status.name).toBe('TERMINATED');
  expect(await orchestrator.executeFullPipeline()).toMatchObject({
    success: false,
    error: expect.stringContaining(NO_WORKER),
  });
  held.release();
  const next = await pipeline.startWorker();
  expect(await begun).toMatchObject({ success: true });
  await next.kill();
});

/** Nobody listens there. */
const awayPostgres = (): pg.Pool => new pg.Pool({ connectionString: 'postgres://nobody@127.0.0.1:1/nothing' });
const idleStage: IBackgroundWorker = {
  workerName: 'A stage of the test',
  version: '1.0.0',
  execute: async () => ({ success: true, workerId: 'idle-stage', executionTimeMs: 0, message: 'nothing to do' }),
};

test('with PostgreSQL away nothing rejects: not for want of the metadata, nor of a stage that cannot be registered', async () => {
  const postgres = awayPostgres();
  const customStages = createCustomStages(postgres);
  const { client: temporal } = pipeline;
  const orchestrator = new WorkerOrchestrator({ temporal, postgres, customStages, workerPatienceMs: 300 });
  expect(await orchestrator.executeWorker('graph-builder')).toMatchObject({
    message: `Worker graph-builder cannot run: ${NO_WORKER}`,
  });
  orchestrator.registerWorker('idle-stage', idleStage);
  const hindered = /cannot run: registering worker idle-stage: .*ECONNREFUSED/;
  for (let attempt = 0; attempt < 2; attempt++) {
    expect(await orchestrator.executeFullPipeline()).toMatchObject({
      success: false,
      error: expect.stringMatching(hindered),
    });
    expect(await orchestrator.executeWorker('idle-stage')).toMatchObject({ error: expect.stringMatching(hindered) });
    expect(await orchestrator.executeWorker('graph-builder')).toMatchObject({
      error: expect.stringContaining(`: ${NO_WORKER}`),
    });
  }
  await customStages.close();
  await postgres.end();
});

test('before initializeWorkers there is no orchestrator', () => {
  expect(() => getWorkerOrchestrator()).toThrow('await initializeWorkers');
});

test('a pipeline twice: done, then nothing new', async () => {
  await pipeline.startWorker();
  await initializeWorkers(pipeline.pool, pipeline.redis);
  const orchestrator = getWorkerOrchestrator();
  expect(await orchestrator.executeFullPipeline()).toMatchObject({
    success: true,
    message: 'Pipeline executed successfully',
  });
  expect(await orchestrator.executeFullPipeline()).toMatchObject({
    success: true,
    message: 'Pipeline skipped: no stage had anything new to do',
  });
});

test('metadata is there at once: last run, status, duration, count', () => {
  const metadata = getWorkerOrchestrator().getWorkerMetadata('odata-sync-worker');
  expect(metadata).toEqual({
    workerId: 'odata-sync-worker',
    workerName: 'OData Synchronization Worker',
    version: '1.0.0',
    lastRun: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    lastStatus: 'skipped',
    lastDuration: expect.any(Number),
    runCount: 3,
  });
  expect(getWorkerOrchestrator().getWorkerMetadata('nonsense')).toBeNull();
});

test('metadata follows what others run', async () => {
  const { stdout } = await pipeline.cli('graph', 'run', '--stage', 'odata-sync-worker');
  expect(stdout).toMatch(/✓ odata-sync-worker/);
  await eventually(() =>
    expect(getWorkerOrchestrator().getWorkerMetadata('odata-sync-worker')).toMatchObject({ runCount: 4 }),
  );
});

/** What the stages of this process were asked to do, in order. */
const asked: string[] = [];
const stage = (name: string, part: Partial<IBackgroundWorker> = {}): IBackgroundWorker => ({
  workerName: name,
  version: '2.1.0',
  execute: async ({ force }) => {
    asked.push(`${name}${force ? ' forced' : ''}`);
    return { message: `${name} done`, dataProcessed: { added: 1, updated: 0, deleted: 0 } };
  },
  ...part,
});

test('registered stages run in this process, in order, after those that were there', async () => {
  const orchestrator = getWorkerOrchestrator();
  orchestrator.registerWorker('tell-drivers', stage('Drivers'));
  orchestrator.registerWorker('print-timetables', stage('Timetables', { canRun: async () => false }));
  orchestrator.registerWorker('tell-passengers', stage('Passengers'));
  expect(orchestrator.getWorkerMetadata('tell-drivers')).toMatchObject({ version: '2.1.0', runCount: 0 });
  const { success, workerResults } = await orchestrator.executeFullPipeline();
  expect(success).toBe(true);
  expect(workerResults.slice(2).map(({ workerId, message }) => [workerId, message])).toEqual([
    ['graph-builder', expect.stringContaining('Graph exists')],
    ['tell-drivers', 'Drivers done'],
    ['print-timetables', 'Timetables: nothing to do'],
    ['tell-passengers', 'Passengers done'],
  ]);
  expect(asked).toEqual(['Drivers', 'Passengers']);
  const forced = await orchestrator.executeWorker('tell-drivers', { force: { actor: 'test', reason: 'again' } });
  expect(forced).toMatchObject({ success: true, dataProcessed: { added: 1, updated: 0, deleted: 0 } });
  expect(asked.at(-1)).toBe('Drivers forced');
  expect(orchestrator.getWorkerMetadata('tell-drivers')).toMatchObject({ lastStatus: 'success', runCount: 2 });
  expect(await pipeline.rows(`SELECT actor, action, subject, reason FROM audit_log`)).toEqual([
    { actor: 'test', action: 'stage.forced', subject: 'tell-drivers', reason: 'again' },
  ]);
});

test('a registered stage that fails is tried again, and fails no other', async () => {
  let tries = 0;
  const execute = async (): Promise<never> => {
    tries++;
    throw new Error('the printer is on fire');
  };
  const orchestrator = getWorkerOrchestrator();
  orchestrator.registerWorker('print-maps', stage('Maps', { execute }));
  const { success, workerResults } = await orchestrator.executeFullPipeline();
  expect(success).toBe(true);
  expect(workerResults.at(-1)).toMatchObject({ success: false, error: 'the printer is on fire' });
  expect(tries).toBe(2);
  await pipeline.pool.query(`UPDATE pipeline_stages SET enabled = false WHERE worker_id = 'print-maps'`);
});

test.each([
  ['graph-builder', /a stage of fleetgraph itself/],
  ['Bad Id', /lower-case letters/],
])('the id %s is refused', (id, why) => {
  expect(() => getWorkerOrchestrator().registerWorker(id, stage('x'))).toThrow(why);
});

test('what cannot run says why', async () => {
  const { orchestrator, source, pool } = pipeline;
  const reasonOf = async (id: string): Promise<string> => (await orchestrator.executeWorker(id)).message;
  expect(await reasonOf('nonsense')).toBe('Worker nonsense cannot run: it is not registered');
  await pool.query(`UPDATE pipeline_stages SET enabled = false WHERE worker_id = 'odata-sync-worker'`);
  expect(await reasonOf('odata-sync-worker')).toMatch(/^Worker odata-sync-worker cannot run: it is disabled/);
  expect(await reasonOf('graph-builder')).toBe('Worker graph-builder cannot run: missing dependency odata-sync-worker');
  await pool.query(`UPDATE pipeline_stages SET enabled = true WHERE worker_id = 'odata-sync-worker'`);

  const held = holdSource(source);
  const first = orchestrator.executeFullPipeline();
  await held.asked();
  expect(await reasonOf('odata-sync-worker')).toBe('Worker odata-sync-worker cannot run: it is already running');
  expect(await orchestrator.executeFullPipeline()).toMatchObject({
    error: 'The pipeline cannot run: it is already running',
  });
  held.release();
  expect(await first).toMatchObject({ success: true });
});

test('a registered stage whose program is gone: cannot run: no worker, and the pipeline goes on', async () => {
  await closeWorkers();
  await pipeline.set({ 'retry.worker_patience_ms': 500 });
  const { success, workerResults } = await pipeline.orchestrator.executeFullPipeline();
  expect(success).toBe(true);
  expect(workerResults.slice(3).map(({ message }) => message)).toEqual([
    'Worker tell-drivers cannot run: no worker',
    'Worker print-timetables cannot run: no worker',
    'Worker tell-passengers cannot run: no worker',
  ]);
});

test('a result stands although the metadata cannot be read afterwards', async () => {
  const postgres = awayPostgres();
  const { client: temporal } = pipeline;
  const orchestrator = new WorkerOrchestrator({ temporal, postgres, customStages: createCustomStages(postgres) });
  expect(await orchestrator.executeWorker('odata-sync-worker')).toMatchObject({
    success: true,
    workerId: 'odata-sync-worker',
  });
  await postgres.end();
});

test('a pipeline that is cancelled answers with all its fields, and with the stage that was under way', async () => {
  const held = holdSource(pipeline.source);
  const running = pipeline.orchestrator.executeFullPipeline();
  await held.asked();
  expect(await pipeline.orchestrator.cancelPipeline({ actor: 'test', reason: 'to see it' })).toBe(true);
  expect(await running).toEqual({
    success: false,
    message: 'Pipeline failed: it was cancelled',
    totalExecutionTimeMs: expect.any(Number),
    workersExecuted: 1,
    workerResults: [
      {
        success: false,
        workerId: 'odata-sync-worker',
        executionTimeMs: expect.any(Number),
        message: 'it was cancelled',
        error: 'it was cancelled',
      },
    ],
    error: 'it was cancelled',
  });
  held.release();
  expect(await pipeline.orchestrator.cancelPipeline({ actor: 'test', reason: 'again' })).toBe(false);
});

test('graph status tells of a build whose end nobody has recorded, and of the last one that failed', async () => {
  const status = async () => (await pipeline.cli('graph', 'status')).stdout;
  const build = (state: string, report: object) =>
    pipeline.rows<{ version: string }>(
      `INSERT INTO graphs (dataset_version, fingerprint, state, lease_until, report)
       SELECT max(version), repeat('c', 64), $1, CASE WHEN $1 = 'building' THEN now() + interval '1 hour' END, $2 FROM datasets
       RETURNING version`,
      [state, report],
    );
  const [failed] = await build('failed', { failure: 'Redis went away' });
  expect(await status()).toContain(`${failed!.version} failed: Redis went away`);
  const [building] = await build('building', {});
  expect(await status()).toMatch(
    new RegExp(`${building!.version} is building: when its builder is gone, the next reconciliation`),
  );
  expect(await status()).not.toContain('Redis went away');
});
