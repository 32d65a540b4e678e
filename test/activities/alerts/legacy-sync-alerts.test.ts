/** What the admin is told of the legacy sync, by rows in PostgreSQL, a webhook and a mail server. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { LEGACY_SYNC_ALERTS } from '../../../src/activities/alerts/legacy-sync-alerts.ts';
import { createIncidentWatch } from '../../../src/activities/alerts/watch-incidents.ts';
import { openAlerts } from '../../../src/records/open-alerts.ts';
import { insertRollout } from '../../../src/records/rollouts.ts';
import { recordServerCheck } from '../../../src/records/server-checks.ts';
import { readSettings, readTransportGraphSettings } from '../../../src/records/settings.ts';
import type { LegacySyncSettings } from '../../../src/settings/legacy-sync.ts';
import { type AlertSinks, startAlertSinks, toldBy } from '../../support/alert-sinks.ts';
import {
  addServer,
  completed,
  failed,
  fleetDatabase,
  fleetOf,
  set,
  slotOf,
  startRun,
} from '../../support/fleet-fixture.ts';

const pool = fleetDatabase();
let sinks: AlertSinks;
beforeAll(async () => {
  sinks = await startAlertSinks();
});
afterAll(() => sinks.close());

let bounds: LegacySyncSettings;
beforeEach(async () => {
  sinks.clear();
  sinks.answerWith(204);
  await pool().query('TRUNCATE alerts, incidents');
  const channels = {
    webhook: sinks.webhookUrl,
    email_to: 'admin@example.org',
    smtp_host: '127.0.0.1',
    smtp_port: sinks.smtpPort,
  };
  for (const [key, value] of Object.entries({ ...channels, smtp_security: 'none' })) {
    await pool().query('UPDATE system_settings SET value = $2 WHERE key = $1', [`transport_graph.alert.${key}`, value]);
  }
  await set(pool(), 'alert.failed_vehicles', 1);
  bounds = await readSettings(pool());
});

/** The watch of one worker process. */
const aWatch = () =>
  createIncidentWatch({
    pool: pool(),
    logger: pino({ level: 'silent' }),
    workerId: 'legacy-sync',
    rules: LEGACY_SYNC_ALERTS,
    bounds: () => bounds,
    channels: { read: () => readTransportGraphSettings(pool()), last: () => null },
  });
const circuit = (state: object) =>
  pool().query(`UPDATE legacy_server_state SET breaker = $1 WHERE server_id = 'depot-1'`, [state]);
const minutesAgo = (minutes: number): number => Date.now() - minutes * 60_000;
const open = (minutes: number) => ({
  state: 'open',
  until: Date.now(),
  openings: 3,
  troubledSince: minutesAgo(minutes),
  lastCode: 'SshUnreachable',
  changedAt: Date.now(),
});

test('a circuit: told when it is open for longer than the bound, told again when it is held, told when it is closed', async () => {
  await addServer(pool(), 'depot-1');
  const watch = aWatch();
  expect(await toldBy(sinks, watch)).toEqual([]);
  await circuit(open(14));
  expect(await toldBy(sinks, watch)).toEqual([]);
  await circuit(open(16));
  expect(await toldBy(sinks, watch)).toEqual(['the circuit of depot-1 is open for 16 minutes: SshUnreachable']);
  await circuit({ ...open(40), state: 'half-open', allowed: 1, successes: 0, probes: [] });
  expect(await toldBy(sinks, watch)).toEqual([]);
  await circuit({ state: 'held', code: 'SshAuthRejected', troubledSince: minutesAgo(41), changedAt: Date.now() });
  expect(await toldBy(sinks, watch)).toEqual(['the circuit of depot-1 is held: SshAuthRejected']);
  expect(String(sinks.posts[0]!['message'])).toMatch(/servers test depot-1, .* servers close-circuit depot-1 --reason/);
  expect(await openAlerts(pool())).toEqual([
    {
      kind: 'circuit-open',
      about: 'depot-1',
      level: 'critical',
      subject: sinks.posts[0]!['subject'],
      message: sinks.posts[0]!['message'],
      at: expect.any(Date),
    },
  ]);
  await circuit(open(42));
  expect(await toldBy(sinks, watch)).toEqual([]);
  await circuit({ state: 'closed', failures: 0, openings: 0 });
  expect(await toldBy(sinks, watch)).toEqual(['over: circuit-open of depot-1']);
  expect(await openAlerts(pool())).toEqual([]);
  // The next trouble is another incident.
  await circuit(open(20));
  expect(await toldBy(sinks, watch)).toEqual(['the circuit of depot-1 is open for 20 minutes: SshUnreachable']);
});

test('a circuit that is held is told of at once', async () => {
  await addServer(pool(), 'depot-1');
  await circuit({ state: 'held', code: 'HostKeyMismatch', troubledSince: Date.now(), changedAt: Date.now() });
  expect(await toldBy(sinks, aWatch())).toEqual(['the circuit of depot-1 is held: HostKeyMismatch']);
});

test('a server that fails its health checks for the bound is told, unless its circuit tells it, until one is answered', async () => {
  await addServer(pool(), 'depot-1');
  const watch = aWatch();
  await pool().query("UPDATE legacy_servers SET updated_at = now() - interval '1 day'");
  const failure = { code: 'SshUnreachable', message: 'Connecting to depot-1: no route.' };
  const check = async (failed: boolean) => {
    await pool().query(`UPDATE server_checks SET checked_at = checked_at - interval '8 minutes'`);
    await recordServerCheck(pool(), 'depot-1', { durationMs: 5, failure: failed ? failure : null });
  };
  await check(true);
  await check(true);
  expect(await toldBy(sinks, watch)).toEqual([]);
  await check(true);
  expect(await toldBy(sinks, watch)).toEqual(['depot-1 has failed its health checks for 16 minutes: SshUnreachable']);
  expect(String(sinks.posts[0]!['message'])).toMatch(/no route\. fleetgraph servers checks depot-1/);
  await check(false);
  expect(await toldBy(sinks, watch)).toEqual(['over: server-check-failed of depot-1']);
  await recordServerCheck(pool(), 'depot-1', { durationMs: 5, failure: { ...failure, code: 'SshAuthRejected' } });
  expect(await toldBy(sinks, watch)).toEqual(['depot-1 refused a health check: SshAuthRejected']);
  await check(false);
  expect(await toldBy(sinks, watch)).toEqual(['over: server-check-failed of depot-1']);
  await circuit(open(16));
  for (let checks = 0; checks < 3; checks++) await check(true);
  expect(await toldBy(sinks, watch)).toEqual(['the circuit of depot-1 is open for 16 minutes: SshUnreachable']);
});

/** A run in which so many of the vehicles fail. */
async function aRun(failures: number, of: number, outcome: 'completed' | 'cancelled' = 'completed'): Promise<string> {
  const fleet = fleetOf(pool());
  const runId = await startRun(fleet);
  const slot = slotOf(fleet, runId, 1);
  let claimed = await slot.claim();
  for (let done = 1; done <= of; done += 1) {
    const end = done <= failures ? failed(claimed.vehicleId, 'TableMissing') : completed(claimed.vehicleId);
    if (done < of) claimed = await slot.claim(end);
    else await slot.ask(end);
  }
  await fleet.finishRun({ runId, outcome });
  return runId;
}

test('a run: told by its failures, told again when success falls below the bound, told when a later run is well', async () => {
  await addServer(pool(), 'depot-1', { count: 30 });
  const watch = aWatch();
  await aRun(1, 30);
  expect(await toldBy(sinks, watch)).toEqual([]);
  await aRun(3, 30);
  expect(await toldBy(sinks, watch)).toEqual(['fleet-sync/all: 3 of 30 vehicles failed']);
  await aRun(2, 30);
  expect(await toldBy(sinks, watch)).toEqual([]);
  const runId = await aRun(4, 30);
  expect(await toldBy(sinks, watch)).toEqual(['fleet-sync/all: 4 of 30 vehicles failed']);
  expect(sinks.posts[0]).toMatchObject({
    workerId: 'legacy-sync',
    dedupeKey: expect.stringMatching(/^incident\/\d+\/critical$/),
  });
  expect(sinks.posts[0]!['message']).toContain(
    `4 of 30 vehicles failed, mostly by TableMissing; 86.6 % succeeded. fleetgraph status ${runId} names each`,
  );
  // What an operator cancelled says nothing of the fleet.
  await aRun(0, 5, 'cancelled');
  expect(await toldBy(sinks, watch)).toEqual([]);
  await aRun(1, 30);
  expect(await toldBy(sinks, watch)).toEqual(['over: vehicles-failed of fleet-sync/all']);
});

const insertRun = (state: string, workflowId: string, startedAgo: string) =>
  pool().query(
    `INSERT INTO sync_runs (run_id, workflow_id, selection, mode, requested_by, state, started_at, finished_at)
     VALUES ($1, $2, '{"kind":"all"}', 'delta', 'test', $3, now() - $4::interval, now() - $4::interval)`,
    [randomUUID(), workflowId, state, startedAgo],
  );

test('a run that was lost, and one that failed before it had vehicles; each fleet sync by itself', async () => {
  const watch = aWatch();
  await insertRun('lost', 'fleet-sync/all', '1 hour');
  await insertRun('failed', 'fleet-sync/0a', '1 hour');
  await insertRun('lost', 'fleet-sync/of-last-month', '30 days');
  expect((await toldBy(sinks, watch)).sort()).toEqual([
    'fleet-sync/0a: 0 of 0 vehicles failed',
    'fleet-sync/all: a run was terminated or lost',
  ]);
  await insertRun('completed', 'fleet-sync/all', '1 minute');
  expect(await toldBy(sinks, watch)).toEqual(['over: run-lost of fleet-sync/all']);
});

test('a rollout that a step has stopped, and one that was lost; neither one that waits for news nor one of last month', async () => {
  const watch = aWatch();
  const steps = [{ name: 'pilot', vehicles: 3, workers: 2, limit: 2, adaptive: false } as const];
  for (const [server, unattended, idle] of [
    ['depot-1', false, false],
    ['depot-2', true, true],
    ['depot-3', false, false],
  ] as const) {
    await addServer(pool(), server, { count: 0 });
    const rolloutId = randomUUID();
    const row = { rolloutId, workflowId: `rollout/${server}`, serverId: server, maxWorkers: null, unattended };
    await insertRollout(pool(), { ...row, requestedBy: 'test' }, steps);
    await pool().query(
      `INSERT INTO rollout_steps (rollout_id, number, opening, position, opened_by, changes, state, reasons, idle, finished_at)
       VALUES ($1, 1, 'x', 0, 'test', '[]', 'not-good', '{"1 of 3 vehicles failed."}', $2, now())`,
      [rolloutId, idle],
    );
  }
  const ended = (state: string, ago: string) =>
    pool().query(`UPDATE rollouts SET state = $1, finished_at = now() - $2::interval WHERE server_id = 'depot-3'`, [
      state,
      ago,
    ]);
  await ended('lost', '30 days');
  expect(await toldBy(sinks, watch)).toEqual(['the rollout of depot-1 has stopped: step pilot was not good']);
  expect(sinks.posts[0]!['message']).toContain(
    '1 of 3 vehicles failed. When that is mended: fleetgraph rollout advance',
  );
  expect(await toldBy(sinks, watch)).toEqual([]);
  await ended('lost', '1 minute');
  await pool().query(`UPDATE rollout_steps SET state = 'running', finished_at = NULL`);
  expect((await toldBy(sinks, watch)).sort()).toEqual([
    'over: rollout-stopped of depot-1',
    'the rollout of depot-3 was terminated or lost',
  ]);
  await insertRollout(
    pool(),
    {
      rolloutId: randomUUID(),
      workflowId: 'rollout/depot-3',
      serverId: 'depot-3',
      maxWorkers: null,
      unattended: false,
      requestedBy: 'test',
    },
    steps,
  );
  await pool().query(`UPDATE rollouts SET started_at = now() - interval '1 hour' WHERE state = 'lost'`);
  expect(await toldBy(sinks, watch)).toEqual(['over: rollout-lost of depot-3']);
});

test('five workers that look at once tell it once', async () => {
  await addServer(pool(), 'depot-1');
  await circuit(open(20));
  await Promise.all(Array.from({ length: 5 }, () => aWatch()()));
  await aWatch()();
  expect([sinks.posts.length, sinks.mails.length]).toEqual([1, 1]);
});

test('what a killed worker began and did not tell is told by the next, and what a channel refused is recorded', async () => {
  await addServer(pool(), 'depot-1');
  await circuit(open(20));
  await aWatch()();
  // As it stands when a worker is killed between the transaction and the webhook.
  await pool().query(`UPDATE alerts SET delivery = '{}'`);
  sinks.answerWith(500);
  expect(await toldBy(sinks, aWatch())).toHaveLength(1);
  expect((await pool().query('SELECT delivery FROM alerts')).rows).toEqual([
    { delivery: { webhook: 'failed: the webhook answered 500', email: 'sent' } },
  ]);
});

test('every alert has its entry in docs/operations.md', async () => {
  const page = await readFile(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  for (const { kind } of LEGACY_SYNC_ALERTS) expect(page).toContain(`\n### Alert: ${kind}\n`);
});
