/** That a stage of the transport graph works again is told as its failure was: once, by every channel. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createRecoveryWatch } from '../../../src/activities/alerts/stage-recoveries.ts';
import { noteAlert, recordDelivery } from '../../../src/records/alerts.ts';
import { readTransportGraphSettings } from '../../../src/records/settings.ts';
import { type AlertSinks, startAlertSinks } from '../../support/alert-sinks.ts';
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
  await pool().query('TRUNCATE alerts, stage_runs');
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
/** Looks twice, as two rounds do, and returns the subjects that the webhook got; the mail server got as many. */
async function toldBy(watch: () => Promise<void>): Promise<string[]> {
  sinks.clear();
  await watch();
  await watch();
  expect(sinks.mails).toHaveLength(sinks.posts.length);
  return sinks.posts.map(({ subject }) => String(subject));
}

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
  expect(await toldBy(watch)).toEqual([]);
  await run(ODATA, 'failed', 'odata-sync-worker failed: OdataInvalid');
  await run(ODATA, 'failed', 'odata-sync-worker failed: OdataShrunk');
  await run('graph-builder', 'failed', 'graph-builder failed: RedisUnavailable');
  expect(await toldBy(watch)).toEqual([]);
  await run(ODATA, 'success');
  expect(await toldBy(watch)).toEqual(['over: odata-sync-worker failed: OdataShrunk']);
  await run(ODATA, 'success');
  expect(await toldBy(watch)).toEqual([]);
  await run('graph-builder', 'success');
  expect(await toldBy(watch)).toEqual(['over: graph-builder failed: RedisUnavailable']);
});

test('a source that was away is over when the next run finds nothing new, and not while it is away again', async () => {
  const watch = aWatch();
  await run(ODATA, 'skipped', 'odata-sync-worker was skipped: OdataUnavailable');
  await run(ODATA, 'skipped', 'odata-sync-worker was skipped: OdataUnavailable');
  expect(await toldBy(watch)).toEqual([]);
  await run(ODATA, 'skipped');
  expect(await toldBy(watch)).toEqual(['over: odata-sync-worker was skipped: OdataUnavailable']);
});

test('a run that ended just now is left alone, because its alert may not be a row yet', async () => {
  await run(ODATA, 'failed', 'odata-sync-worker failed: OdataInvalid');
  await run(ODATA, 'skipped');
  expect(await toldBy(aWatch(60_000))).toEqual([]);
  await pool().query(
    `UPDATE stage_runs SET finished_at = finished_at - interval '2 minutes', started_at = started_at - interval '2 minutes'`,
  );
  expect(await toldBy(aWatch(60_000))).toEqual(['over: odata-sync-worker failed: OdataInvalid']);
});

test('five workers that look at once tell it once', async () => {
  await run(ODATA, 'failed', 'odata-sync-worker failed: OdataInvalid');
  await run(ODATA, 'success');
  await Promise.all(Array.from({ length: 5 }, () => aWatch()()));
  expect([sinks.posts.length, sinks.mails.length]).toEqual([1, 1]);
});
