/** What the pipeline does with failures: attempts, waits, alerts, and who is asked before data is lost. Each test goes on where the one before it ended. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { stageWorkflowId } from '../../src/workflows/transport-graph/messages.ts';
import { sourceNetwork } from '../odata/network.ts';
import { type AlertSinks, startAlertSinks } from '../support/alert-sinks.ts';
import { eventually } from '../support/eventually.ts';
import { refuse } from '../../src/demo/odata-source.ts';
import { type Pipeline, holdSource, openPipeline } from '../support/pipeline.ts';

let pipeline: Pipeline;
let sinks: AlertSinks;
beforeAll(async () => {
  sinks = await startAlertSinks();
  pipeline = await openPipeline({
    settings: {
      'alert.webhook': 'env:ALERT_WEBHOOK',
      'alert.email_to': 'admin@example.org',
      'alert.email_from': 'fleetgraph@example.org',
      'alert.smtp_host': '127.0.0.1',
      'alert.smtp_port': sinks.smtpPort,
      'alert.smtp_security': 'none',
      'stages.lost_check_ms': 300,
    },
  });
  await pipeline.startWorker({ env: { ALERT_WEBHOOK: sinks.webhookUrl } });
});
beforeEach(async () => {
  pipeline.source.fault = null;
  Object.assign(pipeline.network, sourceNetwork());
  Object.assign(pipeline.source.sets, pipeline.network);
  sinks.clear();
  await pipeline.pool.query('DELETE FROM alerts');
});
afterAll(async () => {
  await pipeline.close();
  await sinks.close();
});

const ODATA = 'odata-sync-worker';
const lastRun = async (workerId: string): Promise<Record<string, unknown>> => {
  const [row] = await pipeline.rows(
    `SELECT status, attempts, failure_code AS code FROM stage_runs WHERE worker_id = $1 ORDER BY id DESC LIMIT 1`,
    [workerId],
  );
  return row!;
};
const alerts = () => pipeline.rows('SELECT worker_id AS worker, subject, delivery FROM alerts ORDER BY id');
const SENT = { webhook: 'sent', email: 'sent' };
const datasets = async (): Promise<number> => (await pipeline.rows('SELECT FROM datasets')).length;

test('the spec’s attempts, timeouts and waits are what a stage is given', async () => {
  const [shipped] = await pipeline.rows(
    `SELECT jsonb_object_agg(worker_id, jsonb_build_array(critical, attempts, timeout_ms)) AS stages FROM pipeline_stages`,
  );
  expect(shipped!['stages']).toEqual({
    [ODATA]: [true, 3, 600_000],
    'virtual-entities-generator': [false, 2, 300_000],
    'graph-builder': [true, 2, 600_000],
  });
  await pipeline.set({ 'retry.initial_ms': 60_000 });
  await pipeline.orchestrator.executeFullPipeline();
  const { events } = await pipeline.client.workflow.getHandle(stageWorkflowId(ODATA)).fetchHistory();
  const scheduled = events!
    .map(({ activityTaskScheduledEventAttributes: given }) => given)
    .find((given) => given?.activityType?.name === 'syncOdata');
  expect(Number(scheduled!.startToCloseTimeout!.seconds)).toBe(600);
  const { maximumAttempts, backoffCoefficient, initialInterval } = scheduled!.retryPolicy!;
  // 1 minute, then 5.
  expect([maximumAttempts, backoffCoefficient, Number(initialInterval!.seconds)]).toEqual([3, 5, 60]);
});

test('three attempts with growing waits, then one webhook, one mail, one row, one log line', async () => {
  await pipeline.set({ 'retry.initial_ms': 300, 'odata.request_attempts': 1 });
  const asked: number[] = [];
  pipeline.source.fault = (_, response) => {
    asked.push(Date.now());
    refuse(pipeline.source, response, 503, '0', 'busy');
    return true;
  };
  const result = await pipeline.orchestrator.executeWorker(ODATA);
  expect(result).toMatchObject({ success: true, message: expect.stringContaining('it answered 503') });
  expect(await lastRun(ODATA)).toMatchObject({ status: 'skipped', attempts: 3 });
  expect(asked[1]! - asked[0]!).toBeGreaterThanOrEqual(290);
  expect(asked[2]! - asked[1]!).toBeGreaterThanOrEqual(1_450);
  const subject = `${ODATA} was skipped: OdataUnavailable`;
  expect(await alerts()).toEqual([{ worker: ODATA, subject, delivery: SENT }]);
  expect(sinks.posts).toEqual([{ workerId: ODATA, subject, message: result.message, at: expect.stringMatching(/Z$/) }]);
  expect(sinks.mails).toHaveLength(1);
  expect(sinks.mails[0]).toMatch(/^To: admin@example\.org\r?$/m);
  expect(sinks.mails[0]).toContain(`Subject: [fleetgraph] ${subject}`);
  expect(pipeline.log().filter((line) => line.includes(`ALERT ${subject}`))).toHaveLength(1);
});

test('an alert that cannot be delivered is recorded, and fails nothing', async () => {
  sinks.answerWith(500);
  await pipeline.set({ 'alert.smtp_port': 1, 'retry.initial_ms': 20 });
  pipeline.source.fault = (_, response) => (refuse(pipeline.source, response, 503, '0', 'busy'), true);
  expect(await pipeline.orchestrator.executeFullPipeline()).toMatchObject({ success: true, workersExecuted: 3 });
  expect(await alerts()).toEqual([
    expect.objectContaining({
      delivery: {
        webhook: 'failed: the webhook answered 500',
        email: expect.stringMatching(/^failed: .*ECONNREFUSED/),
      },
    }),
  ]);
  sinks.answerWith(204);
  await pipeline.set({ 'alert.smtp_port': sinks.smtpPort });
});

test('a parse error is not tried again, saves nothing, and stops the pipeline', async () => {
  const before = await datasets();
  pipeline.source.fault = ({ set }, response) => {
    if (set !== 'Flights') return false;
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"value": [');
    return true;
  };
  pipeline.network.Stops[0]!['Name'] = 'Changed';
  const result = await pipeline.orchestrator.executeFullPipeline();
  expect(result).toMatchObject({ success: false, workersExecuted: 1, error: expect.stringMatching(`^${ODATA}: `) });
  expect(await lastRun(ODATA)).toEqual({ status: 'failed', attempts: 1, code: 'OdataInvalid' });
  expect(await datasets()).toBe(before);
  expect(await alerts()).toEqual([{ worker: ODATA, subject: `${ODATA} failed: OdataInvalid`, delivery: SENT }]);
  expect(pipeline.log().findLast((line) => line.includes(`[${ODATA}]`))).toMatch(/❌ Worker failed: .* attempt=1 run=/);
});

test('the optional second stage may fail: the graph is built nevertheless', async () => {
  await pipeline.set({ 'virtual.cities_file': '/nonexistent/cities.json' });
  pipeline.network.Routes[0]!['DurationMinutes'] = 77;
  const { success, workerResults } = await pipeline.orchestrator.executeFullPipeline();
  expect(success).toBe(true);
  expect(workerResults.map((result) => result.success)).toEqual([true, false, true]);
  expect(workerResults[2]!.message).toMatch(/^Graph built successfully/);
  expect(await alerts()).toEqual([
    expect.objectContaining({ subject: 'virtual-entities-generator failed: CitiesInvalid' }),
  ]);
  await pipeline.set({ 'virtual.cities_file': '' });
});

test('an attempt that takes too long is given up, and the next one is made', async () => {
  await pipeline.set({ 'retry.initial_ms': 50 });
  await pipeline.pool.query(`UPDATE pipeline_stages SET timeout_ms = 700, attempts = 2 WHERE worker_id = $1`, [ODATA]);
  const held = holdSource(pipeline.source);
  const result = await pipeline.orchestrator.executeWorker(ODATA);
  expect(result).toMatchObject({ success: false, error: expect.stringContaining('no worker answered in time') });
  expect(await lastRun(ODATA)).toEqual({ status: 'failed', attempts: 2, code: 'Lost' });
  held.release();
  await pipeline.pool.query(`UPDATE pipeline_stages SET timeout_ms = 600000, attempts = 3 WHERE worker_id = $1`, [
    ODATA,
  ]);
});

test('a stage that was terminated is recorded as failed by a worker, without a next run', async () => {
  const held = holdSource(pipeline.source);
  const running = pipeline.orchestrator.executeWorker(ODATA);
  await eventually(async () => expect(await lastRun(ODATA)).toMatchObject({ status: 'running' }));
  await pipeline.client.workflow.getHandle(stageWorkflowId(ODATA)).terminate('in a test');
  held.release();
  expect(await running).toMatchObject({ success: false });
  await eventually(async () => expect(await lastRun(ODATA)).toMatchObject({ status: 'failed', code: 'Lost' }));
  const [ended] = await pipeline.rows(
    'SELECT finished_at >= started_at AS fits FROM stage_runs ORDER BY id DESC LIMIT 1',
  );
  expect(ended).toEqual({ fits: true });
});

test('a set that shrank is held: one alert however often it is found, until an operator takes it by name and reason', async () => {
  await pipeline.orchestrator.executeWorker(ODATA);
  const before = await datasets();
  pipeline.network.Flights.length = 2;
  for (let time = 0; time < 2; time++) {
    const result = await pipeline.orchestrator.executeFullPipeline();
    expect(result).toMatchObject({ success: true });
    expect(result.workerResults[0]!.message).toMatch(/^OData sync held - .*; dataset \d+ waits for approval$/);
  }
  expect(await datasets()).toBe(before + 1);
  const [held] = await pipeline.rows<{ version: string }>(`SELECT version FROM datasets WHERE state = 'held'`);
  const subject = `dataset ${held!.version} is held and waits for your approval`;
  expect(await alerts()).toEqual([{ worker: ODATA, subject, delivery: SENT }]);
  expect([sinks.posts.length, sinks.mails.length]).toEqual([1, 1]);
  expect((await pipeline.cli('doctor')).stdout).toContain(`dataset ${held!.version}`);
  expect((await pipeline.cli('graph', 'status')).stdout).toContain(`dataset ${held!.version} is held: `);

  const unexplained = await pipeline.cli('graph', 'approve', held!.version);
  expect([unexplained.status, unexplained.stderr]).toEqual([1, expect.stringContaining('--reason')]);
  const approved = await pipeline.cli('graph', 'approve', held!.version, '--reason', 'winter timetable');
  expect(approved).toMatchObject({
    status: 0,
    stdout: `dataset ${held!.version} is approved: the next sync takes this content\n`,
  });
  const { workerResults } = await pipeline.orchestrator.executeFullPipeline();
  expect(workerResults[0]!.message).toMatch(/^OData sync completed/);
  expect(await pipeline.rows(`SELECT reason FROM audit_log WHERE action = 'dataset.approved'`)).toEqual([
    { reason: 'winter timetable' },
  ]);
});

test('a stage that is started alone triggers no next one; force does it again, with a name and a reason', async () => {
  // The flights that the test before has let go are back.
  await pipeline.orchestrator.executeFullPipeline();
  const runs = async (): Promise<number> => (await pipeline.rows('SELECT FROM stage_runs')).length;
  const before = await runs();
  const skipped = await pipeline.cli('graph', 'run', '--stage', 'graph-builder');
  expect(skipped.stdout).toMatch(/^✓ graph-builder +\d.*s {2}Graph exists for dataset \d+: graph-v\d+\n$/);
  expect(await runs()).toBe(before + 1);
  const unexplained = await pipeline.cli('graph', 'run', '--stage', 'graph-builder', '--force');
  expect([unexplained.status, unexplained.stderr]).toEqual([1, expect.stringContaining('--reason')]);
  const forced = await pipeline.cli(
    'graph',
    'run',
    '--stage',
    'graph-builder',
    '--force',
    '--reason',
    'Redis was mended',
  );
  expect(forced.stdout).toMatch(/Graph built successfully/);
  expect(await pipeline.rows(`SELECT action, subject, reason FROM audit_log WHERE action = 'stage.forced'`)).toEqual([
    { action: 'stage.forced', subject: 'graph-builder', reason: 'Redis was mended' },
  ]);
  expect(await pipeline.rows('SELECT worker_id AS stage, forced FROM stage_runs ORDER BY id DESC LIMIT 1')).toEqual([
    { stage: 'graph-builder', forced: true },
  ]);
});
