/** What the pipeline does with failures: attempts, waits, alerts, and who is asked before data is lost. Each test goes on where the one before it ended. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { stageWorkflowId } from '../../src/workflows/transport-graph/messages.ts';
import { sourceNetwork } from '../support/source-network.ts';
import type { AlertSinks } from '../support/alert-sinks.ts';
import { eventually } from '../support/eventually.ts';
import { refuse } from '../../src/emulators/odata-source.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { type Pipeline, holdSource } from '../support/pipeline.ts';
import { type ToldPipeline, openToldPipeline } from '../support/told-pipeline.ts';

let world: ToldPipeline;
let pipeline: Pipeline;
let sinks: AlertSinks;
let postgres: FaultProxy;
beforeAll(async () => {
  world = await openToldPipeline();
  ({ pipeline, sinks, postgres } = world);
});
beforeEach(async () => {
  pipeline.source.fault = null;
  Object.assign(pipeline.network, sourceNetwork());
  Object.assign(pipeline.source.sets, pipeline.network);
  sinks.clear();
  await pipeline.pool.query('DELETE FROM alerts');
});
afterAll(() => world.close());

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
    `SELECT jsonb_object_agg(worker_id, jsonb_build_array(critical, attempts, timeout_ms, execution_timeout_ms)) AS stages FROM pipeline_stages`,
  );
  expect(shipped!['stages']).toEqual({
    [ODATA]: [true, 3, 600_000, 600_000],
    'virtual-entities-generator': [false, 2, 300_000, 300_000],
    'graph-builder': [true, 2, 600_000, 600_000],
  });
  await pipeline.set({ 'retry.initial_ms': 60_000 });
  await pipeline.orchestrator.executeFullPipeline();
  // What each stage's work is given by Temporal, in seconds: of one attempt, of all, how many, the first wait and how many times as long the next.
  expect(await Promise.all([ODATA, 'virtual-entities-generator', 'graph-builder'].map(givenTo))).toEqual([
    [600, 600, 3, 60, 5],
    [300, 300, 2, 60, 5],
    [600, 600, 2, 60, 5],
  ]);
});

const STAGE_WORK = new Set(['syncOdata', 'generateVirtualEntities', 'buildGraph']);

async function givenTo(workerId: string): Promise<number[]> {
  const { events } = await pipeline.client.workflow.getHandle(stageWorkflowId(workerId)).fetchHistory();
  const scheduled = events!.flatMap((event) => event.activityTaskScheduledEventAttributes ?? []);
  const isWork = ({ activityType }: (typeof scheduled)[number]): boolean => STAGE_WORK.has(activityType!.name!);
  const { startToCloseTimeout, scheduleToCloseTimeout, retryPolicy } = scheduled.find(isWork)!;
  // What waits for PostgreSQL does not wait for ever.
  const records = scheduled.filter((each) => !isWork(each));
  expect(records.map((each) => Number(each.scheduleToCloseTimeout!.seconds))).toEqual([600, 600]);
  const { maximumAttempts, backoffCoefficient, initialInterval } = retryPolicy!;
  const times = [startToCloseTimeout, scheduleToCloseTimeout].map((time) => Number(time!.seconds));
  return [...times, maximumAttempts!, Number(initialInterval!.seconds), backoffCoefficient!];
}

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
  expect(sinks.posts).toEqual([
    {
      workerId: ODATA,
      subject,
      message: result.message,
      dedupeKey: expect.any(String),
      at: expect.stringMatching(/Z$/),
    },
  ]);
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
  const { success, message, workerResults } = await pipeline.orchestrator.executeFullPipeline();
  expect(success).toBe(true);
  expect(message).toMatch(/^Pipeline executed, and optional virtual-entities-generator failed: /);
  expect(workerResults.map((result) => result.success)).toEqual([true, false, true]);
  expect(workerResults[2]!.message).toMatch(/^Graph built successfully/);
  expect(await alerts()).toEqual([
    expect.objectContaining({ subject: 'virtual-entities-generator failed: CitiesInvalid' }),
  ]);
  expect(await pipeline.cli('graph', 'run')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(
      /^✗ virtual-entities-generator [^]*^pipeline complete in .*, but for virtual-entities-generator$/m,
    ),
  });
  await pipeline.set({ 'virtual.cities_file': '' });
});

test('Redis is away: the build fails after its attempts, told once, its metadata say so, and the next run makes it good', async () => {
  await pipeline.set({ 'retry.initial_ms': 20 });
  pipeline.network.Routes[0]!['DurationMinutes'] = 79;
  const live = await pipeline.redis.get('graph:version');
  world.redis.set({ kind: 'rst' });
  const result = await pipeline.orchestrator.executeFullPipeline();
  expect(result).toMatchObject({
    success: false,
    workersExecuted: 3,
    error: expect.stringMatching(/^graph-builder: /),
  });
  expect(await lastRun('graph-builder')).toEqual({ status: 'failed', attempts: 2, code: 'RedisUnavailable' });
  const subject = 'graph-builder failed: RedisUnavailable';
  expect(await alerts()).toEqual([{ worker: 'graph-builder', subject, delivery: SENT }]);
  expect(sinks.posts).toHaveLength(1);
  expect(await pipeline.rows(`SELECT DISTINCT state FROM graphs WHERE state NOT IN ('retired', 'failed')`)).toEqual([
    { state: 'active' },
  ]);
  expect(await pipeline.redis.get('graph:version')).toBe(live);
  world.redis.set({ kind: 'pass' });
  // The worker's client waits before it connects again, so the first attempt may still find nobody.
  await pipeline.set({ 'retry.initial_ms': 5_000 });
  expect(await pipeline.orchestrator.executeFullPipeline()).toMatchObject({ success: true });
  expect(await pipeline.redis.get('graph:version')).not.toBe(live);
});

test('a source that does not come to an end in time is skipped, as one that is away', async () => {
  await pipeline.set({ 'retry.initial_ms': 50 });
  await pipeline.pool.query(`UPDATE pipeline_stages SET timeout_ms = 700, attempts = 2 WHERE worker_id = $1`, [ODATA]);
  const held = holdSource(pipeline.source);
  const result = await pipeline.orchestrator.executeWorker(ODATA);
  expect(result).toMatchObject({
    success: true,
    message: expect.stringContaining('had not sent everything after 1 s'),
  });
  expect(await lastRun(ODATA)).toEqual({ status: 'skipped', attempts: 2, code: null });
  expect(await alerts()).toEqual([expect.objectContaining({ subject: `${ODATA} was skipped: OdataUnavailable` })]);
  held.release();
  await pipeline.pool.query(`UPDATE pipeline_stages SET timeout_ms = 600000, attempts = 3 WHERE worker_id = $1`, [
    ODATA,
  ]);
});

test('a source that changes while it is read, twice, is skipped, and the next run asks again', async () => {
  await pipeline.set({ 'retry.initial_ms': 20 });
  let rows = 0;
  pipeline.source.fault = ({ set, count }, response) => {
    if (set !== 'Stops' || !count) return false;
    response.writeHead(200, { 'content-type': 'text/plain' }).end(String(100 + rows++));
    return true;
  };
  expect(await pipeline.orchestrator.executeFullPipeline()).toMatchObject({ success: true, workersExecuted: 3 });
  expect(await lastRun(ODATA)).toEqual({ status: 'skipped', attempts: 3, code: null });
  expect(await alerts()).toEqual([expect.objectContaining({ subject: `${ODATA} was skipped: OdataTornRead` })]);
});

test('a stage that cannot run has its row and its reason in the pipeline, and was not executed', async () => {
  const virtual = 'virtual-entities-generator';
  await pipeline.pool.query(`UPDATE pipeline_stages SET depends_on = '{no-such-stage}' WHERE worker_id = $1`, [
    virtual,
  ]);
  const reason = `Worker ${virtual} cannot run: missing dependency no-such-stage`;
  const result = await pipeline.orchestrator.executeFullPipeline();
  expect(result).toMatchObject({
    success: true,
    workersExecuted: 2,
    message: `Pipeline executed, and optional ${virtual} failed: ${reason}`,
  });
  expect(result.workerResults[1]).toMatchObject({ success: false, message: reason, error: reason });
  expect(await lastRun(virtual)).toEqual({ status: 'failed', attempts: 0, code: 'CannotRun' });
  expect(await pipeline.orchestrator.executeWorker(virtual)).toMatchObject({ success: false, message: reason });
  const command = await pipeline.cli('graph', 'run', '--stage', virtual);
  expect([command.status, command.stdout]).toEqual([1, expect.stringContaining(reason)]);
  await pipeline.pool.query(`UPDATE pipeline_stages SET depends_on = '{${ODATA}}' WHERE worker_id = $1`, [virtual]);
});

test('the whole execution has its bound: no attempt is made that would not end before', async () => {
  await pipeline.set({ 'retry.initial_ms': 5_000, 'odata.request_attempts': 1 });
  await pipeline.pool.query(`UPDATE pipeline_stages SET execution_timeout_ms = 3000 WHERE worker_id = $1`, [ODATA]);
  pipeline.source.fault = (_, response) => (refuse(pipeline.source, response, 503, '0', 'busy'), true);
  const result = await pipeline.orchestrator.executeWorker(ODATA);
  expect(result).toMatchObject({ success: true, message: expect.stringContaining('it answered 503') });
  expect(result.executionTimeMs).toBeLessThan(4_500);
  expect(await lastRun(ODATA)).toMatchObject({ status: 'skipped', attempts: 1 });
  await pipeline.pool.query(`UPDATE pipeline_stages SET execution_timeout_ms = 600000 WHERE worker_id = $1`, [ODATA]);
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

test('the admin is told also when PostgreSQL is what failed: at once, once by every channel, and the row follows', async () => {
  await pipeline.set({ 'retry.initial_ms': 50 });
  const held = holdSource(pipeline.source);
  const running = pipeline.orchestrator.executeWorker(ODATA);
  await held.asked();
  postgres.set({ kind: 'rst' });
  held.release();
  await eventually(() => expect([sinks.posts.length, sinks.mails.length]).toEqual([1, 1]), { withinMs: 20_000 });
  const subject = `${ODATA} failed: DatabaseUnavailable`;
  expect(sinks.posts[0]).toMatchObject({ workerId: ODATA, subject });
  // Attempts to write the row go on meanwhile, and tell nobody again.
  expect(await alerts()).toEqual([]);
  postgres.set({ kind: 'pass' });
  expect(await running).toMatchObject({ success: false, error: expect.stringContaining('PostgreSQL') });
  expect(await alerts()).toEqual([{ worker: ODATA, subject, delivery: SENT }]);
  expect(await lastRun(ODATA)).toMatchObject({ status: 'failed', code: 'DatabaseUnavailable' });
  expect([sinks.posts.length, sinks.mails.length]).toEqual([1, 1]);
});

test('a stage that ended without its record gets it from its own answer', async () => {
  await pipeline.orchestrator.executeWorker(ODATA);
  // As if its end had not been written: the outage was longer than the workflow waited.
  const [run] = await pipeline.rows<{ id: string; message: string; status: string }>(
    `UPDATE stage_runs r SET status = 'running', finished_at = NULL FROM (SELECT id, message, status FROM stage_runs ORDER BY id DESC LIMIT 1) last
      WHERE r.id = last.id RETURNING r.id, last.message, last.status`,
  );
  await eventually(async () =>
    expect(
      await pipeline.rows('SELECT id, status, message FROM stage_runs WHERE finished_at IS NOT NULL AND id = $1', [
        run!.id,
      ]),
    ).toEqual([run]),
  );
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
  const live = await pipeline.redis.get('graph:version');
  pipeline.network.Routes[0]!['DurationMinutes'] = 78;
  let before = await runs();
  expect(await pipeline.orchestrator.executeWorker(ODATA)).toMatchObject({
    success: true,
    message: 'OData sync completed - 1 records updated',
  });
  // The pipeline's next run finds what was not triggered.
  expect(await runs()).toBe(before + 1);
  expect(await pipeline.redis.get('graph:version')).toBe(live);
  expect(await pipeline.orchestrator.executeFullPipeline()).toMatchObject({ success: true });
  expect(await pipeline.redis.get('graph:version')).not.toBe(live);
  before = await runs();
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
