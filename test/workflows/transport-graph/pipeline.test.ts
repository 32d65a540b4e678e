/** One operator's story, on real servers: each test goes on where the one before it ended. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openObjectStore } from '../../../src/connections/object-store.ts';
import type { OrchestrationResult } from '../../../src/orchestrator/types.ts';
import { type TestObjectStore, startObjectStore } from '../../support/object-store.ts';
import { refuse } from '../../../src/emulators/odata-source.ts';
import { type Pipeline, openPipeline } from '../../support/pipeline.ts';

const STAGES = ['odata-sync-worker', 'virtual-entities-generator', 'graph-builder'];

const found = await startObjectStore();
if ('missing' in found) console.log(`the pipeline is tested without backups: ${found.missing}`);
const store: TestObjectStore | null = 'missing' in found ? null : found;

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await openPipeline();
  if (store !== null) {
    await pipeline.set({
      'backup.enabled': true,
      'backup.endpoint': store.endpoint,
      'backup.bucket': store.bucket,
      'backup.access_key_ref': 'env:BACKUP_ACCESS_KEY',
      'backup.secret_key_ref': 'env:BACKUP_SECRET_KEY',
    });
  }
  const keys = { BACKUP_ACCESS_KEY: store?.accessKeyId ?? '', BACKUP_SECRET_KEY: store?.secretAccessKey ?? '' };
  await pipeline.startWorker({ env: keys });
});
afterAll(async () => {
  await pipeline.close();
  await store?.remove();
});

/** Of the last runs, in the order of the stages. */
async function lastRuns(): Promise<Record<string, unknown>[]> {
  return pipeline.rows(
    `SELECT DISTINCT ON (s.position) r.worker_id AS id, r.status, r.attempts, r.failure_code AS code, r.pipeline_run_id IS NOT NULL AS piped
       FROM stage_runs r JOIN pipeline_stages s USING (worker_id) ORDER BY s.position, r.id DESC`,
  );
}
const run = (): Promise<OrchestrationResult> => pipeline.orchestrator.executeFullPipeline();
const live = (): Promise<string | null> => pipeline.redis.get('graph:version');
const graphs = () => pipeline.rows<{ version: string; state: string }>('SELECT version, state FROM graphs ORDER BY id');

test('first run: data, virtual entities and graph, each backed up, and the graph is live', async () => {
  const result = await run();
  expect(result).toMatchObject({ success: true, workersExecuted: 3 });
  expect(result.workerResults.map(({ workerId, success }) => [workerId, success])).toEqual(
    STAGES.map((id) => [id, true]),
  );
  expect(result.workerResults[0]).toMatchObject({
    message: 'OData sync completed - 37 records updated',
    dataProcessed: { added: 37, updated: 0, deleted: 0 },
  });
  expect(result.workerResults[2]!.message).toMatch(/^Graph built successfully: \d+ nodes, \d+ edges$/);
  expect(await lastRuns()).toEqual(
    STAGES.map((id) => ({ id, status: 'success', attempts: 1, code: null, piped: true })),
  );
  // Each began when the one before it had ended.
  const [overlaps] = await pipeline.rows(
    `SELECT array_agg(worker_id ORDER BY started_at) AS order, bool_or(began_early) AS any
       FROM (SELECT worker_id, started_at, started_at < lag(finished_at) OVER (ORDER BY started_at) AS began_early FROM stage_runs) r`,
  );
  expect(overlaps).toEqual({ order: STAGES, any: false });
  expect(await graphs()).toEqual([{ version: await live(), state: 'active' }]);
  const [virtual] = await pipeline.rows(
    `SELECT (SELECT count(*)::int FROM virtual_routes) AS routes, (SELECT count(*)::int FROM flights WHERE is_virtual) AS flights`,
  );
  expect(virtual).toEqual({ routes: expect.any(Number), flights: Number(virtual!['routes']) * 730 });
  if (store !== null) await expectBackups(store);
});

async function expectBackups({ endpoint, bucket, accessKeyId, secretAccessKey }: TestObjectStore): Promise<void> {
  const backups = await pipeline.rows<{ status: string; key: string }>(
    'SELECT backup_status AS status, backup_key AS key FROM datasets UNION ALL SELECT backup_status, backup_key FROM graphs',
  );
  const login = { accessKeyId, secretAccessKey };
  const client = openObjectStore({
    endpoint,
    bucket,
    ...login,
    region: 'us-east-1',
    pathStyle: true,
    timeoutMs: 5_000,
  });
  try {
    for (const { status, key } of backups) {
      expect(status).toBe('done');
      expect((await client.get(key))?.length).toBeGreaterThan(100);
    }
  } finally {
    client.close();
  }
}

test('its log lines are the spec’s, with ids behind the text', () => {
  const lines = pipeline.log().filter((line) => line.includes('[odata-sync-worker]'));
  const texts = [
    /ℹ️ Step 1: Fetching OData API response\.\.\. run=\S+$/,
    /ℹ️ Fetched: 10 stops, 9 routes, 18 flights$/,
    /ℹ️ Step 2: Calculating data hash\.\.\.$/,
    /ℹ️ Data hash: [0-9a-f]{64}$/,
    /ℹ️ Changes detected - proceeding with update$/,
    /ℹ️ Saved: 37 added, 0 updated, 0 deleted$/,
    /ℹ️ Worker finished: OData sync completed dataset=1$/,
  ];
  expect(lines).toHaveLength(texts.length);
  for (const [n, text] of texts.entries()) {
    expect(lines[n]).toMatch(/^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\] \[odata-sync-worker\] /);
    expect(lines[n]).toMatch(text);
  }
});

test('unchanged: every stage is skipped, and nothing is written', async () => {
  const before = [await live(), await graphs()];
  const result = await run();
  expect(result).toMatchObject({ success: true, workersExecuted: 3 });
  expect(result.workerResults[0]!.message).toBe('OData sync skipped - no changes detected');
  expect((await lastRuns()).map(({ status }) => status)).toEqual(['skipped', 'skipped', 'skipped']);
  expect([await live(), await graphs()]).toEqual(before);
});

test('changed: a new version is live, and readers of the old one still find it', async () => {
  const before = (await live())!;
  pipeline.network.Stops.push({ ...pipeline.network.Stops[9], Id: 'stop-0010', Name: 'Новая' });
  pipeline.network.Routes.push({
    ...pipeline.network.Routes[8],
    Id: 'route-0009',
    FromStopId: 'stop-0009',
    ToStopId: 'stop-0010',
  });
  const result = await run();
  expect(result).toMatchObject({ success: true });
  expect(result.workerResults[0]!.dataProcessed).toEqual({ added: 2, updated: 0, deleted: 0 });
  const after = (await live())!;
  expect(after).not.toBe(before);
  expect(await pipeline.redis.get(`graph:${after}:node:stop-0010`)).toContain('Новая');
  expect(await pipeline.redis.scard(`graph:${before}:nodes`)).toBeGreaterThan(10);
  expect(await graphs()).toEqual([
    { version: before, state: 'retired' },
    { version: after, state: 'active' },
  ]);
});

test('failed source: skipped after three attempts, the pipeline goes on with the last dataset, and the next run tries again', async () => {
  pipeline.source.fault = (_, response) => (refuse(pipeline.source, response, 503, '0', 'busy'), true);
  const result = await run();
  expect(result).toMatchObject({
    success: true,
    message: 'Pipeline skipped: odata-sync-worker was skipped: OdataUnavailable',
    workersExecuted: 3,
  });
  expect((await lastRuns())[0]).toMatchObject({ status: 'skipped', attempts: 3 });
  expect(await pipeline.rows(`SELECT subject FROM alerts`)).toEqual([
    { subject: 'odata-sync-worker was skipped: OdataUnavailable' },
  ]);
  pipeline.source.fault = null;
  const next = await run();
  expect(next.workerResults[0]!.message).toBe('OData sync skipped - no changes detected');
});

test('failed build: not tried again at once, the live graph stays, and it is tried at the next run although nothing changed', async () => {
  const before = [await live(), await graphs()];
  const broken = { ...pipeline.network.Routes[0], Id: 'route-broken', ToStopId: 'stop-nowhere' };
  pipeline.network.Routes.push(broken);
  for (const odata of ['success', 'skipped']) {
    const result = await run();
    expect(result).toMatchObject({ success: false, workersExecuted: 3 });
    expect(result.error).toMatch(/^graph-builder: The graph of dataset \d+ is not valid; nothing was saved\./);
    const [first, , third] = await lastRuns();
    expect(first).toMatchObject({ status: odata });
    expect(third).toMatchObject({ status: 'failed', attempts: 1, code: 'GraphInvalid' });
    expect([await live(), await graphs()]).toEqual(before);
  }
  pipeline.network.Routes.splice(pipeline.network.Routes.indexOf(broken), 1);
  pipeline.network.Routes[0]!['DurationMinutes'] = 99;
  expect(await run()).toMatchObject({ success: true });
  expect(await live()).not.toBe(before[0]);
});

test('rollback: readers are sent back, which the next run leaves as it is', async () => {
  const [, previous, active] = (await graphs()).map(({ version }) => version);
  const rolled = await pipeline.cli('graph', 'rollback', '--reason', 'wrong durations');
  expect(rolled).toMatchObject({
    status: 0,
    stderr: '',
    stdout: `readers were sent back from ${active} to ${previous}\n`,
  });
  expect(await live()).toBe(previous);
  expect(await pipeline.rows(`SELECT subject, reason FROM audit_log WHERE action = 'graph.rollback'`)).toEqual([
    { subject: previous, reason: 'wrong durations' },
  ]);
  expect(await run()).toMatchObject({ success: true });
  expect(await live()).toBe(previous);
});
