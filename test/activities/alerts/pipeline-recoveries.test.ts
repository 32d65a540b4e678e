/** What the transport graph's workflows told is told as over once, by every channel, and is an open alert until then. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createRecoveryWatch } from '../../../src/activities/alerts/pipeline-recoveries.ts';
import { noteAlert, recordDelivery } from '../../../src/records/alerts.ts';
import { openAlerts } from '../../../src/records/open-alerts.ts';
import { PIPELINE_ALERTS } from '../../../src/records/pipeline-alerts.ts';
import { readTransportGraphSettings } from '../../../src/records/settings.ts';
import { type AlertSinks, startAlertSinks, toldBy } from '../../support/alert-sinks.ts';
import { fleetDatabase } from '../../support/fleet-fixture.ts';

const pool = fleetDatabase();
const ODATA = 'odata-sync-worker';
let sinks: AlertSinks;
beforeAll(async () => {
  sinks = await startAlertSinks();
});
afterAll(() => sinks.close());

beforeEach(async () => {
  sinks.clear();
  await pool().query('TRUNCATE alerts, stage_runs, datasets CASCADE');
  const channels = { webhook: sinks.webhookUrl, email_to: 'admin@example.org', smtp_host: '127.0.0.1' };
  for (const [key, value] of Object.entries({ ...channels, smtp_port: sinks.smtpPort, smtp_security: 'none' })) {
    await pool().query('UPDATE system_settings SET value = $2 WHERE key = $1', [`transport_graph.alert.${key}`, value]);
  }
});

const aWatch = (settledMs = 0) =>
  createRecoveryWatch(
    {
      pool: pool(),
      logger: pino({ level: 'silent' }),
      channels: { read: () => readTransportGraphSettings(pool()), last: () => null },
    },
    settledMs,
  );
/** A run of the stage that ended now; one that was told of when it has a subject. */
async function run(workerId: string, status: 'success' | 'skipped' | 'failed', subject?: string): Promise<void> {
  const runId = randomUUID();
  await pool().query(
    `INSERT INTO stage_runs (worker_id, workflow_id, workflow_run_id, status, started_at, finished_at)
     VALUES ($1, $1, $2, $3, clock_timestamp(), clock_timestamp())`,
    [workerId, runId, status],
  );
  if (subject === undefined) return;
  const { id } = await noteAlert(pool(), { workerId, subject, message: 'why', dedupeKey: `${workerId}/${runId}` });
  await recordDelivery(pool(), id, { webhook: 'sent', email: 'sent' });
}

test('a stage that failed twice and works again is told once; another stage is told by itself', async () => {
  const watch = aWatch();
  await run(ODATA, 'success');
  expect(await toldBy(sinks, watch)).toEqual([]);
  await run(ODATA, 'failed', 'odata-sync-worker failed: OdataInvalid');
  await run(ODATA, 'failed', 'odata-sync-worker failed: OdataShrunk');
  await run('graph-builder', 'failed', 'graph-builder failed: RedisUnavailable');
  expect(await toldBy(sinks, watch)).toEqual([]);
  await run(ODATA, 'success');
  expect(await toldBy(sinks, watch)).toEqual(['over: odata-sync-worker failed: OdataShrunk']);
  await run(ODATA, 'success');
  expect(await toldBy(sinks, watch)).toEqual([]);
  await run('graph-builder', 'success');
  expect(await toldBy(sinks, watch)).toEqual(['over: graph-builder failed: RedisUnavailable']);
});

test('a source that was away is over when the next run finds nothing new, and not while it is away again', async () => {
  const watch = aWatch();
  await run(ODATA, 'skipped', 'odata-sync-worker was skipped: OdataUnavailable');
  await run(ODATA, 'skipped', 'odata-sync-worker was skipped: OdataUnavailable');
  expect(await toldBy(sinks, watch)).toEqual([]);
  expect(await lasting()).toEqual(['source-away of odata-sync-worker, warning']);
  await run(ODATA, 'skipped');
  expect(await toldBy(sinks, watch)).toEqual(['over: odata-sync-worker was skipped: OdataUnavailable']);
  expect(await lasting()).toEqual([]);
});

test('a run that ended just now is left alone, because its alert may not be a row yet', async () => {
  await run(ODATA, 'failed', 'odata-sync-worker failed: OdataInvalid');
  await run(ODATA, 'skipped');
  expect(await toldBy(sinks, aWatch(60_000))).toEqual([]);
  await pool().query(
    `UPDATE stage_runs SET finished_at = finished_at - interval '2 minutes', started_at = started_at - interval '2 minutes'`,
  );
  expect(await toldBy(sinks, aWatch(60_000))).toEqual(['over: odata-sync-worker failed: OdataInvalid']);
});

/** What lasts, as the API and the doctor list it. */
const lasting = async (): Promise<string[]> =>
  (await openAlerts(pool())).map(({ kind, about, level }) => `${kind} of ${about}, ${level}`);

/** An alert of this key that was told. */
async function told(workerId: string, dedupeKey: string, subject: string): Promise<void> {
  const { id } = await noteAlert(pool(), { workerId, subject, message: 'why', dedupeKey });
  await recordDelivery(pool(), id, { webhook: 'sent', email: 'sent' });
}

const insertRun = (workerId: string, status: string, pipelineRunId: string) =>
  pool().query(
    `INSERT INTO stage_runs (worker_id, workflow_id, workflow_run_id, pipeline_run_id, status, started_at, finished_at)
     VALUES ($1, $1, $2, $3, $4, clock_timestamp(), CASE $4 WHEN 'running' THEN NULL ELSE clock_timestamp() END)`,
    [workerId, randomUUID(), pipelineRunId, status],
  );

test('a pipeline that cannot run is over when a later one comes to its first stage, and not by a stage that runs alone', async () => {
  const watch = aWatch();
  await told('pipeline', `pipeline/${randomUUID()}`, 'the pipeline cannot run: DatabaseUnavailable');
  await told('pipeline', `pipeline/${randomUUID()}`, 'the pipeline cannot run: DatabaseDiskFull');
  await run(ODATA, 'success');
  expect(await toldBy(sinks, watch)).toEqual([]);
  expect(await lasting()).toEqual(['pipeline-cannot-run of pipeline, critical']);
  await insertRun(ODATA, 'running', randomUUID());
  expect(await toldBy(sinks, watch)).toEqual(['over: the pipeline cannot run: DatabaseDiskFull']);
  expect(String(sinks.posts[0]!['message'])).toMatch(/of the pipeline came to odata-sync-worker at /);
  expect(await lasting()).toEqual([]);
});

test('a stage that never began was told by its pipeline, whose run the key names; it is over by its next run', async () => {
  const watch = aWatch();
  const pipelineRunId = randomUUID();
  await insertRun('graph-builder', 'failed', pipelineRunId);
  await told('graph-builder', `graph-builder/${pipelineRunId}`, 'graph-builder failed: CannotRun');
  expect(await toldBy(sinks, watch)).toEqual([]);
  expect(await lasting()).toEqual(['stage-failed of graph-builder, critical']);
  await insertRun('graph-builder', 'success', randomUUID());
  expect(await toldBy(sinks, watch)).toEqual(['over: graph-builder failed: CannotRun']);
});

test('data that is held is over when an operator has decided', async () => {
  const watch = aWatch();
  const { rows } = await pool().query<{ version: string }>(
    `INSERT INTO datasets (source, content_sha256, raw_sha256, state, stops, routes, flights, held_reason)
     VALUES ('https://example.org/odata/', repeat('a', 64), repeat('a', 64), 'held', 1, 1, 1, 'it shrank') RETURNING version::text`,
  );
  const { version } = rows[0]!;
  await told(ODATA, `held/https://example.org/odata//${version}`, `dataset ${version} is held`);
  expect(await toldBy(sinks, watch)).toEqual([]);
  expect(await lasting()).toEqual([`dataset-held of ${version}, warning`]);
  await pool().query(
    `UPDATE datasets SET state = 'rejected', decided_by = 'olga', decision_reason = 'half of it', decided_at = now()`,
  );
  expect(await toldBy(sinks, watch)).toEqual([`over: dataset ${version} is held`]);
  expect(sinks.posts[0]!['message']).toBe(`Dataset ${version} waits no more: olga decided: half of it.`);
  expect(await lasting()).toEqual([]);
});

test('five workers that look at once tell it once', async () => {
  await run(ODATA, 'failed', 'odata-sync-worker failed: OdataInvalid');
  await run(ODATA, 'success');
  await Promise.all(Array.from({ length: 5 }, () => aWatch()()));
  expect([sinks.posts.length, sinks.mails.length]).toEqual([1, 1]);
});

test('every alert of the graph has its entry in docs/operations.md', async () => {
  const page = await readFile(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  for (const kind of PIPELINE_ALERTS) expect(page).toContain(`\n### Alert: ${kind}\n`);
});
