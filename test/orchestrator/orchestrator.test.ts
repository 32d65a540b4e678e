/** This process embeds fleetgraph: its orchestrator and its stages are here, the pipeline's own stages in a worker process. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { createCustomStages } from '../../src/orchestrator/custom-stages.ts';
import { closeWorkers, getWorkerOrchestrator } from '../../src/orchestrator/initialize-workers.ts';
import type { IBackgroundWorker, OrchestrationResult, WorkerExecutionResult } from '../../src/orchestrator/types.ts';
import { WorkerOrchestrator } from '../../src/orchestrator/worker-orchestrator.ts';
import { eventually } from '../support/eventually.ts';
import { type Pipeline, holdSource, openPipeline } from '../support/pipeline.ts';
import { DatabaseConfig } from './usage/config/database.config.ts';
import { RedisConfig } from './usage/config/redis.config.ts';

Runtime.install({ logger: new DefaultLogger('ERROR') });

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await openPipeline();
  Object.assign(process.env, pipeline.environment);
});
afterAll(async () => {
  await closeWorkers();
  await DatabaseConfig.getPool().end();
  RedisConfig.getClient().disconnect();
  await pipeline.close();
});

test('nobody there to run anything: cannot run: no worker', async () => {
  const { client: temporal, pool: postgres } = pipeline;
  const customStages = createCustomStages(postgres);
  const alone = new WorkerOrchestrator({ temporal, postgres, customStages, workerPatienceMs: 300 });
  const stage: WorkerExecutionResult = await alone.executeWorker('graph-builder');
  expect(stage).toMatchObject({ success: false, message: 'Worker graph-builder cannot run: no worker' });
  const whole: OrchestrationResult = await alone.executeFullPipeline();
  expect(whole).toMatchObject({ success: false, workersExecuted: 0, error: 'The pipeline cannot run: no worker' });
});

test('before initializeWorkers there is no orchestrator', () => {
  expect(() => getWorkerOrchestrator()).toThrow('await initializeWorkers');
});

test('the usage examples of the spec do what they say', async () => {
  await pipeline.startWorker();
  const printed = jest.spyOn(console, 'log').mockImplementation(() => {});
  const complained = jest.spyOn(console, 'error').mockImplementation(() => {});
  const interval = jest.spyOn(globalThis, 'setInterval');
  try {
    await import('./usage/initialize-workers.ts');
    await import('./usage/manual-pipeline.ts');
    await import('./usage/single-worker.ts');
    interval.mockClear();
    await import('./usage/scheduled.ts');
    const [every, ms] = interval.mock.calls[0]!;
    clearInterval(interval.mock.results[0]!.value as NodeJS.Timeout);
    expect(ms).toBe(21_600_000);
    await (every as () => Promise<void>)();
    expect(complained.mock.calls).toEqual([]);
    expect(printed.mock.calls.map(([line]) => line)).toEqual([
      '✅ Pipeline completed',
      '✅ Graph built',
      '🔄 Starting scheduled pipeline...',
      '✅ Scheduled pipeline completed',
    ]);
  } finally {
    for (const spy of [printed, complained, interval]) spy.mockRestore();
  }
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
    runCount: 2,
  });
  expect(getWorkerOrchestrator().getWorkerMetadata('nonsense')).toBeNull();
});

test('metadata follows what others run', async () => {
  const { stdout } = await pipeline.cli('graph', 'run', '--stage', 'odata-sync-worker');
  expect(stdout).toMatch(/✓ odata-sync-worker/);
  await eventually(() =>
    expect(getWorkerOrchestrator().getWorkerMetadata('odata-sync-worker')).toMatchObject({ runCount: 3 }),
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
  expect(await orchestrator.executeFullPipeline()).toMatchObject({ error: 'The pipeline is already running' });
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
