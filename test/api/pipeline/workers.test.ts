import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  NO_WORKER,
  PIPELINE_WORKFLOW_ID,
  TRANSPORT_GRAPH_TASK_QUEUE,
  stageWorkflowId,
} from '../../../src/workflows/transport-graph/messages.ts';
import { recordAct } from '../../../src/records/audit-log.ts';
import { writeSetting } from '../../../src/records/settings.ts';
import { holdSource } from '../../support/pipeline.ts';
import { sourceNetwork } from '../../support/source-network.ts';
import { eventually } from '../../support/eventually.ts';
import { type EmulatedSource, startOdataSource } from '../../../src/emulators/odata-source.ts';
import { type ApiFixture, openApi } from '../../support/fleet-api.ts';

let fixture: ApiFixture;
let source: EmulatedSource;

beforeAll(async () => {
  [fixture, source] = await Promise.all([
    openApi({ environment: { FLEETGRAPH_API_LOOPBACK_READS: 'true' } }),
    startOdataSource({ ...sourceNetwork(4) }),
  ]);
  const set = (key: string, value: string) =>
    writeSetting(fixture.fleet.pool, `transport_graph.${key}`, value, { actor: 'test' });
  await set('odata.url', source.url);
  await set('schedule.enabled', 'false');
  await set('virtual.horizon_days', '3');
  await set('odata.request_attempts', '1');
}, 120_000);
afterAll(async () => {
  await source?.close();
  await fixture?.close();
});

const startWorker = () =>
  fixture.fleet.startWorker({
    env: {
      FLEETGRAPH_REDIS_URL: fixture.environment['FLEETGRAPH_REDIS_URL']!,
      FLEETGRAPH_WORKER_ROLES: 'transport-graph',
    },
  });

/** Something new to sync. */
const change = (minutes: number): void => {
  Object.assign(source.sets, sourceNetwork(4));
  for (const route of source.sets['Routes']!) route['DurationMinutes'] = minutes;
};

const METADATA = {
  workerName: expect.any(String),
  version: '1.0.0',
  lastRun: null,
  lastStatus: null,
  lastDuration: null,
  runCount: 0,
};

test('GET /api/v1/workers: before the first run, without a key from this machine', async () => {
  const { status, body } = await fixture.get('/api/v1/workers', { as: null });
  expect(status).toBe(200);
  expect(body).toEqual({
    success: true,
    workers: {
      'odata-sync-worker': { workerId: 'odata-sync-worker', ...METADATA, workerName: 'OData Synchronization Worker' },
      'virtual-entities-generator': { workerId: 'virtual-entities-generator', ...METADATA },
      'graph-builder': { workerId: 'graph-builder', ...METADATA, workerName: 'Graph Builder Worker' },
    },
    count: 3,
  });
});

test('GET /api/v1/workers/pipeline/status: idle', async () => {
  const { body } = await fixture.get('/api/v1/workers/pipeline/status', { as: null });
  expect(body).toEqual({
    success: true,
    pipeline: { isRunning: false, workers: ['odata-sync-worker', 'virtual-entities-generator', 'graph-builder'] },
  });
});

test('a proxy, another name or an act want a key even on this machine', async () => {
  const through = (headers: Record<string, string>) => fixture.get('/api/v1/workers', { as: null, headers });
  expect((await through({ 'x-forwarded-for': '10.0.0.1' })).status).toBe(401);
  expect((await fixture.post('/api/v1/workers/execute', {}, { as: null })).status).toBe(401);
  expect((await fixture.get('/api/v1/settings', { as: null })).status).toBe(401);
});

const pipelineRuns = async (): Promise<boolean> =>
  (await fixture.get('/api/v1/workers/pipeline/status')).body.pipeline.isRunning;
const untilPipelineRuns = (expected: boolean) => eventually(async () => expect(await pipelineRuns()).toBe(expected));

test('without a worker process: cannot run, for each worker and the pipeline, and nothing is begun', async () => {
  for (const workerId of ['odata-sync-worker', 'virtual-entities-generator', 'graph-builder']) {
    const refused = await fixture.post(`/api/v1/workers/${workerId}/execute`);
    const error = `Worker ${workerId} cannot run: ${NO_WORKER}.`;
    expect(refused).toMatchObject({ status: 409, body: { code: 'CannotRun', error } });
  }
  expect(await fixture.post('/api/v1/workers/execute')).toMatchObject({
    status: 409,
    body: { success: false, code: 'CannotRun', error: `The pipeline cannot run: ${NO_WORKER}.` },
  });
  expect(await pipelineRuns()).toBe(false);
});

test('a run that was not started here is seen before its first stage, and no longer once it was ended', async () => {
  const { client } = fixture.fleet;
  const handle = await client.workflow.start('transportGraphPipeline', {
    workflowId: PIPELINE_WORKFLOW_ID,
    taskQueue: TRANSPORT_GRAPH_TASK_QUEUE,
  });
  await untilPipelineRuns(true);
  const { link } = (await fixture.post('/api/v1/workers/execute')).body;
  expect((await fixture.get(link)).body.run).toMatchObject({
    runId: handle.firstExecutionRunId,
    status: 'running',
    workerResults: [],
  });
  await handle.terminate();
  await untilPipelineRuns(false);
});

test('a run that nobody takes yet is seen running, excludes another and can be cancelled', async () => {
  const started = await fixture.fleet.client.workflow.start('transportGraphPipeline', {
    workflowId: PIPELINE_WORKFLOW_ID,
    taskQueue: TRANSPORT_GRAPH_TASK_QUEUE,
  });
  const runId = started.firstExecutionRunId;
  const link = `/api/v1/workers/runs/${runId}`;
  // As a request that started it would have noted.
  const start = { actor: 'test', action: 'stage.started', subject: 'pipeline', details: { runId } } as const;
  await recordAct(fixture.fleet.pool, start);
  const run = await fixture.get(link);
  expect(run.body.run).toMatchObject({ status: 'running', workerId: null, workerResults: [] });
  expect((await fixture.get('/api/v1/workers/pipeline/status')).body.pipeline.isRunning).toBe(true);
  expect(await fixture.post('/api/v1/workers/execute')).toMatchObject({
    status: 409,
    body: { code: 'AlreadyRunning', error: 'The pipeline cannot run: it is already running.', link },
  });
  await startWorker();
  expect((await fixture.post('/api/v1/workers/pipeline/cancel', { reason: 'made for the test' })).status).toBe(200);
  await eventually(async () => {
    expect((await fixture.post('/api/v1/workers/pipeline/cancel')).status).toBe(409);
  });
  expect(await pipelineRuns()).toBe(false);
  // It never came to a stage; whoever asks for it again and again must come to an end.
  expect((await fixture.get(link)).body.run).toMatchObject({
    status: 'failed',
    finishedAt: expect.any(String),
    workerResults: [],
  });
});

test('POST /api/v1/workers/execute: the whole pipeline, and then each status', async () => {
  change(30);
  const { status, body } = await fixture.post('/api/v1/workers/execute');
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { success: true, message: 'Pipeline executed successfully', workersExecuted: 3 },
  });
  expect(body.totalExecutionTimeMs).toBeGreaterThan(0);
  expect(body.workerResults.map(({ workerId }: { workerId: string }) => workerId)).toEqual([
    'odata-sync-worker',
    'virtual-entities-generator',
    'graph-builder',
  ]);
  expect(body.workerResults[0]).toMatchObject({
    success: true,
    message: expect.stringMatching(/^OData sync completed - \d+ records updated$/),
  });

  const { worker } = (await fixture.get('/api/v1/workers/graph-builder/status', { as: null })).body;
  expect(worker).toEqual({
    workerId: 'graph-builder',
    workerName: 'Graph Builder Worker',
    version: '1.0.0',
    lastRun: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    lastStatus: 'success',
    lastDuration: expect.any(Number),
    runCount: 1,
  });
  expect((await fixture.get('/api/v1/workers/runs')).body.runs[0]).toMatchObject({ workerId: 'graph-builder' });
});

test('nothing new is a skip, which is said; forced it is done, and the audit log has why', async () => {
  const skips = {
    'odata-sync-worker': 'OData sync skipped - no changes detected',
    'virtual-entities-generator': expect.stringMatching(/^Virtual entities are complete for dataset \d+$/),
    'graph-builder': expect.stringMatching(/^Graph exists for dataset \d+: graph-v\d+$/),
  };
  for (const [workerId, told] of Object.entries(skips)) {
    const { status, body } = await fixture.post(`/api/v1/workers/${workerId}/execute`);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { success: true, result: { success: true, message: told } },
    });
    expect(body.message).toBe(`Worker ${workerId} skipped: ${body.result.message}`);
  }
  expect((await fixture.post('/api/v1/workers/execute')).body).toMatchObject({
    success: true,
    message: 'Pipeline skipped: no stage had anything new to do',
    workersExecuted: 3,
  });

  const unexplained = await fixture.post('/api/v1/workers/graph-builder/execute', { force: true });
  expect(unexplained.body.errors).toEqual([{ field: 'body.reason', rule: 'custom', message: 'is needed with force' }]);

  const forced = await fixture.post('/api/v1/workers/graph-builder/execute', { force: true, reason: 'a new Redis' });
  expect(forced.body).toEqual({
    success: true,
    message: 'Worker graph-builder executed successfully',
    result: {
      success: true,
      workerId: 'graph-builder',
      executionTimeMs: expect.any(Number),
      message: expect.stringMatching(/^Graph built successfully: \d+ nodes, \d+ edges$/),
      dataProcessed: { added: expect.any(Number), updated: 0, deleted: 0 },
    },
  });
  const { rows } = await fixture.fleet.pool.query(
    `SELECT actor, subject, reason FROM audit_log WHERE action = 'stage.forced'`,
  );
  expect(rows).toEqual([{ actor: 'test admin', subject: 'graph-builder', reason: 'a new Redis' }]);
});

test('work that outlasts the wait answers 202, and a client that goes away does not stop it', async () => {
  change(40);
  const { release } = holdSource(source);
  const waited = await fixture.post('/api/v1/workers/execute', undefined, { headers: { prefer: 'wait=1' } });
  expect(waited.status).toBe(202);
  expect(waited.headers.get('preference-applied')).toBe('wait=1');
  await eventually(async () => {
    const { body } = await fixture.get('/api/v1/workers/odata-sync-worker/status');
    expect(body.worker).toMatchObject({ lastStatus: 'running', lastDuration: null });
  });
  release();
  const location = waited.headers.get('location')!;
  await eventually(
    async () => {
      const { body } = await fixture.get(location);
      expect(body.run).toMatchObject({ status: 'success', finishedAt: expect.any(String) });
      expect(body.run.workerResults).toHaveLength(3);
    },
    { withinMs: 40_000 },
  );

  change(50);
  const { release: letGo } = holdSource(source);
  const gone = new AbortController();
  const abandoned = fixture.post('/api/v1/workers/odata-sync-worker/execute', undefined, { signal: gone.signal });
  await eventually(async () => {
    const { body } = await fixture.get('/api/v1/workers/odata-sync-worker/status');
    expect(body.worker.lastStatus).toBe('running');
  });
  gone.abort();
  await expect(abandoned).rejects.toThrow();
  letGo();
  await eventually(async () => {
    const { body } = await fixture.get('/api/v1/workers/odata-sync-worker/status');
    expect(body.worker.lastStatus).toBe('success');
  });
});

test('a run that fails answers success: false with the error', async () => {
  source.fault = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"value": [');
    return true;
  };
  const { status, body } = await fixture.post('/api/v1/workers/execute');
  source.fault = null;
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { success: false, error: expect.any(String), workersExecuted: 1, workerResults: [{ success: false }] },
  });
  const { body: listed } = await fixture.get('/api/v1/workers');
  expect(listed.workers['odata-sync-worker'].lastStatus).toBe('failed');
});

test('a run that is cancelled answers every documented field', async () => {
  change(70);
  const { release } = holdSource(source);
  const running = fixture.post('/api/v1/workers/execute');
  await eventually(async () => expect(await workerStatus('odata-sync-worker')).toBe('running'));
  await fixture.post('/api/v1/workers/pipeline/cancel');
  const { body } = await running;
  release();
  const told = 'it was cancelled';
  expect(body).toEqual({
    success: false,
    message: `Pipeline failed: ${told}`,
    totalExecutionTimeMs: expect.any(Number),
    workersExecuted: 1,
    workerResults: [
      {
        success: false,
        workerId: 'odata-sync-worker',
        executionTimeMs: expect.any(Number),
        message: told,
        error: told,
      },
    ],
    error: told,
  });
});

const workerStatus = async (workerId: string): Promise<string> =>
  (await fixture.get(`/api/v1/workers/${workerId}/status`)).body.worker.lastStatus;

/** A run that waits for its source in the first stage; the answer lets it go on. */
async function startHeld(path: string): Promise<{ runId: string; link: string; release: () => void }> {
  change(10);
  const { release } = holdSource(source);
  const started = await fixture.post(path, undefined, { headers: { prefer: 'respond-async' } });
  expect(started.status).toBe(202);
  const { runId, link } = started.body;
  expect(started.headers.get('location')).toBe(link);
  expect(started.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(started.headers.get('preference-applied')).toBe('respond-async');
  await eventually(async () => expect(await workerStatus('odata-sync-worker')).toBe('running'));
  return { runId, link, release };
}

test('a stage that was terminated has failed, wherever it is shown, and can be run again', async () => {
  const { runId, link, release } = await startHeld('/api/v1/workers/odata-sync-worker/execute');
  await fixture.fleet.client.workflow.getHandle(stageWorkflowId('odata-sync-worker'), runId).terminate();
  await eventually(async () => expect(await workerStatus('odata-sync-worker')).toBe('failed'));
  const { workers } = (await fixture.get('/api/v1/workers')).body;
  expect(workers['odata-sync-worker']).toMatchObject({ lastStatus: 'failed', lastDuration: expect.any(Number) });
  expect((await fixture.get('/api/v1/workers/runs?limit=1')).body.runs).toMatchObject([
    { runId, status: 'failed', failureCode: 'Lost', finishedAt: expect.any(String) },
  ]);
  const latest = async () => (await fixture.get('/api/v1/workers/runs?limit=5')).body.runs;
  const lost = async () => (await latest()).find((run: { runId: string }) => run.runId === runId);
  const { startedAt, finishedAt } = await lost();
  expect(workers['odata-sync-worker'].lastDuration).toBe(Date.parse(finishedAt) - Date.parse(startedAt));
  expect((await fixture.get(link)).body.run).toMatchObject({
    status: 'failed',
    finishedAt: expect.any(String),
    workerResults: [{ success: false, error: 'the run was terminated' }],
  });
  expect((await fixture.fleet.cli('graph', 'status')).stdout).toMatch(/odata-sync-worker .* failed /);
  release();
  const again = await fixture.post('/api/v1/workers/odata-sync-worker/execute');
  expect(again).toMatchObject({ status: 200, body: { success: true } });
  // The next run has written the end into the row: the same that was shown before.
  const { rows } = await fixture.fleet.pool.query<{ finished_at: Date }>(
    'SELECT finished_at FROM stage_runs WHERE workflow_run_id = $1',
    [runId],
  );
  expect({ shown: (await lost()).finishedAt, written: rows[0]?.finished_at.toISOString() }).toEqual({
    shown: finishedAt,
    written: finishedAt,
  });
});

test('a pipeline that was terminated in its first stage has failed, and does not run', async () => {
  const { runId, link, release } = await startHeld('/api/v1/workers/execute');
  expect(await pipelineRuns()).toBe(true);
  await fixture.fleet.client.workflow.getHandle(PIPELINE_WORKFLOW_ID, runId).terminate();
  await untilPipelineRuns(false);
  expect((await fixture.get(link)).body.run.status).toBe('failed');
  // Its stage is asked to end, and cleans up.
  await eventually(async () => expect(await workerStatus('odata-sync-worker')).toBe('failed'));
  release();
});

test('a pipeline that was ended between two stages is no success', async () => {
  const { body } = await fixture.post('/api/v1/workers/execute', undefined, { headers: { prefer: 'respond-async' } });
  await eventually(async () => {
    const { run } = (await fixture.get(body.link)).body;
    expect(run).toMatchObject({ status: 'success', workerResults: { length: 3 } });
  });
  // What is left of a run that was cancelled before its second stage, and that Temporal has forgotten.
  const runId = '6f0d8f5a-0000-4000-8000-00000000000a';
  await fixture.fleet.pool.query(
    `INSERT INTO stage_runs (worker_id, workflow_id, workflow_run_id, pipeline_run_id, status, message, started_at, finished_at)
     SELECT worker_id, workflow_id, gen_random_uuid(), $2, 'skipped', message, started_at - interval '1 day', finished_at - interval '1 day'
       FROM stage_runs WHERE pipeline_run_id = $1 AND worker_id = 'odata-sync-worker'`,
    [body.runId, runId],
  );
  expect((await fixture.get(`/api/v1/workers/runs/${runId}`)).body.run).toMatchObject({ status: 'failed' });
});

test('each run that is listed can be asked for, a stage of a pipeline too', async () => {
  const { runs } = (await fixture.get('/api/v1/workers/runs')).body;
  const alone = ({ pipelineRunId }: { pipelineRunId: string | null }) => pipelineRunId === null;
  expect(new Set(runs.map(alone)).size).toBe(2);
  for (const { runId, workerId, status } of runs) {
    expect((await fixture.get(`/api/v1/workers/runs/${runId}`)).body.run).toMatchObject({ runId, workerId, status });
  }
});

test('what cannot be, is told by status, code and field', async () => {
  expect(await fixture.get('/api/v1/workers/nobody/status')).toMatchObject({ status: 404, body: { code: 'NotFound' } });
  expect(await fixture.post('/api/v1/workers/nobody/execute')).toMatchObject({ status: 404 });
  expect(await fixture.get('/api/v1/workers/runs/6f0d8f5a-0000-4000-8000-000000000000')).toMatchObject({ status: 404 });
  expect(await fixture.get('/api/v1/workers/runs/17')).toMatchObject({
    status: 400,
    body: { code: 'InvalidRequest', errors: [{ field: 'path.runId', rule: 'invalid_format' }] },
  });
  expect(await fixture.post('/api/v1/workers/execute', { forse: true })).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'body.forse', rule: 'unknown_field' }] },
  });
  expect(await fixture.post('/api/v1/workers/graph-builder/cancel')).toMatchObject({
    status: 409,
    body: { code: 'WrongState' },
  });
  await fixture.fleet.pool.query(`UPDATE pipeline_stages SET enabled = false WHERE worker_id = 'odata-sync-worker'`);
  const path = '/api/v1/workers/graph-builder/execute';
  const headers = { prefer: 'respond-async' };
  const refused = [await fixture.post(path), await fixture.post(path, undefined, { headers })];
  await fixture.fleet.pool.query('UPDATE pipeline_stages SET enabled = true');
  const error = 'Worker graph-builder cannot run: missing dependency odata-sync-worker.';
  for (const each of refused) expect(each).toMatchObject({ status: 409, body: { code: 'CannotRun', error } });
});

test('the schedule tells its next runs, or that there is none', async () => {
  const { body } = await fixture.get('/api/v1/workers/pipeline/schedule');
  expect(body.schedule).toEqual({ enabled: false, paused: false, nextRuns: [] });
});

test('metrics: the four groups of the spec, by stage', async () => {
  const { status, body } = await fixture.get('/metrics', { as: 'viewer' });
  expect(status).toBe(200);
  const lines = (body as string).split('\n');
  const lineOf = (start: string) => lines.find((line) => line.startsWith(start));
  const value = (start: string): number => Number(lineOf(start)?.split(' ').at(-1));
  expect(value('fleetgraph_stage_last_duration_seconds{worker_id="graph-builder"}')).toBeGreaterThan(0);
  expect(value('fleetgraph_stage_success_ratio{worker_id="odata-sync-worker"}')).toBeLessThan(1);
  expect(value('fleetgraph_stage_error_ratio{worker_id="odata-sync-worker"}')).toBeGreaterThan(0);
  expect(value('fleetgraph_stage_records{worker_id="graph-builder",change="added"}')).toBeGreaterThan(0);
  expect(value('fleetgraph_graph_size{kind="nodes"}')).toBeGreaterThan(0);
  expect(value('fleetgraph_up{part="postgres"}')).toBe(1);
  expect(lines.some((line) => line.startsWith('fleetgraph_http_request_duration_seconds_bucket'))).toBe(true);
  expect(lines).toContain('fleetgraph_task_queue_polled{task_queue="transport-graph"} 1');
  expect(lines).toContain('fleetgraph_workflows_wedged 0');
});
