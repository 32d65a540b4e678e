/** Two workers, a fleet in trouble, and what the admin hears of it: each thing once, and once that it is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type AlertSinks, startAlertSinks } from '../support/alert-sinks.ts';
import { freePort } from '../../src/stack/ports.ts';
import { OF_A_WORKER, unlisted } from '../compose/exported-series.ts';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { type Fleet, SERVER_ID, TABLE, openFleet, untilStage } from '../support/fleet.ts';

const CHECK_MS = 200;

let fleet: Fleet;
let sinks: AlertSinks;
let link: FaultProxy;
let metricsUrl: string;

beforeAll(async () => {
  sinks = await startAlertSinks();
  fleet = await openFleet({
    settings: {
      'alert.check_ms': CHECK_MS,
      'alert.failed_vehicles': 0,
      'alert.circuit_open_ms': 500,
      'cleanup.interval_ms': 500,
      'worker_pool.retry_attempts': 0,
      'server.breaker_failures': 1,
      'server.breaker_open_ms': 500,
    },
  });
  const channels = {
    webhook: sinks.webhookUrl,
    email_to: 'a@example.org',
    smtp_host: '127.0.0.1',
    smtp_port: sinks.smtpPort,
  };
  for (const [key, value] of Object.entries({ ...channels, smtp_security: 'none' })) {
    await fleet.pool.query('UPDATE system_settings SET value = $2 WHERE key = $1', [
      `transport_graph.alert.${key}`,
      value,
    ]);
  }
  await fleet.addVehicles(2, { rows: 500, padding: 2_000 });
  link = await fleet.linkToHost();
  metricsUrl = `127.0.0.1:${await freePort()}`;
  await Promise.all([
    fleet.startWorker({ env: { FLEETGRAPH_WORKER_METRICS_ADDRESS: metricsUrl } }),
    fleet.startWorker(),
  ]);
}, 60_000);
beforeEach(() => sinks.clear());
afterAll(async () => {
  await fleet.close();
  await sinks.close();
});

/** Waits until the admin was told these, and so long again that a second telling would be seen. */
async function expectTold(...subjects: (string | RegExp)[]): Promise<void> {
  await eventually(() => expect(sinks.posts.length).toBeGreaterThanOrEqual(subjects.length), { withinMs: 20_000 });
  await eventually(() => expect(sinks.mails.length).toBeGreaterThanOrEqual(subjects.length));
  await sleep(10 * CHECK_MS);
  expect(sinks.posts.map(({ subject }) => subject)).toEqual(
    subjects.map((subject) => (typeof subject === 'string' ? subject : expect.stringMatching(subject))),
  );
  expect(sinks.mails).toHaveLength(subjects.length);
  sinks.clear();
}

test('a run with failures, and the next one without', async () => {
  await fleet.pool.query(`UPDATE vehicles SET legacy_table = 'nowhere' WHERE id = 1`);
  const run = await fleet.start();
  expect(await run.result()).toMatchObject({ failed: 1 });
  const [post] = await eventually(() => {
    expect(sinks.posts).toHaveLength(1);
    return sinks.posts;
  });
  expect(post!['message']).toContain(`Run ${run.runId} ended at `);
  expect(post!['message']).toContain('1 of 2 vehicles failed, mostly by TableMissing; 50 % succeeded');
  await expectTold('fleet-sync/all: 1 of 2 vehicles failed');
  await fleet.pool.query(`UPDATE vehicles SET legacy_table = $1 WHERE id = 1`, [TABLE]);
  expect(await (await fleet.start()).result()).toMatchObject({ failed: 0 });
  await expectTold('over: vehicles-failed of fleet-sync/all');
}, 60_000);

test('a server that is away for longer than the bound, and is back', async () => {
  link.set({ kind: 'rst' });
  const away = await fleet.start({ selection: { kind: 'list', vehicleIds: ['1'] } });
  await away.result();
  await eventually(
    () => {
      const subjects = sinks.posts.map(({ subject }) => String(subject));
      expect(subjects).toContainEqual(
        expect.stringMatching(new RegExp(`^the circuit of ${SERVER_ID} is open for 0 minutes: Ssh`)),
      );
      expect(subjects).toContainEqual(`${away.workflowId}: 1 of 1 vehicles failed`);
      expect([subjects.length, sinks.mails.length]).toEqual([2, 2]);
    },
    { withinMs: 20_000 },
  );
  sinks.clear();
  link.set({ kind: 'pass' });
  await eventually(
    async () => {
      await fleet.addRows('1', 1);
      await (await fleet.start({ selection: { kind: 'list', vehicleIds: ['1'] } })).result();
      const told = sinks.posts.map(({ subject }) => String(subject)).sort();
      expect(told).toEqual([`over: circuit-open of ${SERVER_ID}`, `over: vehicles-failed of ${away.workflowId}`]);
      expect(sinks.mails).toHaveLength(told.length);
    },
    { withinMs: 90_000, everyMs: 500 },
  );
}, 150_000);

test('a run that was terminated', async () => {
  await fleet.addRows('2', 2_000, 2_000);
  link.set({ kind: 'rate', bytesPerSecond: 100_000 });
  const run = await fleet.start();
  await untilStage(fleet, run.runId, 'transferring');
  await fleet.client.workflow.getHandle(run.workflowId).terminate('a slip of the hand');
  link.set({ kind: 'pass' });
  await expectTold('fleet-sync/all: a run was terminated or lost');
  await eventually(async () => expect(await (await fleet.start()).result()).toMatchObject({ failed: 0 }), {
    withinMs: 30_000,
  });
  await expectTold('over: run-lost of fleet-sync/all');
}, 90_000);

test('a worker exports what the rules and boards of Prometheus ask it for', async () => {
  await eventually(async () => {
    const page = await (await fetch(`http://${metricsUrl}/metrics`)).text();
    for (const [name, labels] of OF_A_WORKER) {
      const sample = page.split('\n').find((line) => /^[a-z_]+/.exec(line)?.[0] === name);
      expect({ name, sample }).toEqual({ name, sample: expect.any(String) });
      for (const label of labels) expect(sample).toContain(`${label}="`);
    }
    expect(unlisted(page)).toEqual([]);
  });
});
