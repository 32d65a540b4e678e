import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { closeCircuit, readCircuit } from '../../src/pool/circuit-store.ts';
import { type Stack, stackStateDir, startStack } from '../../src/stack/stack.ts';
import { runMariadb } from '../../src/stack/servers/mariadb-client.ts';
import { vehicleSyncWorkflowId } from '../../src/workflows/legacy-sync/messages.ts';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { type Fleet, type Run, SERVER_ID, openFleet, untilStage } from '../support/fleet.ts';
import { CATCHABLE, holdDump } from '../support/hold-dump.ts';
import { expectInvariants } from '../support/invariants.ts';

/** One stack of our own, whose servers may be killed, and one fleet and worker that live through all of it. */
let stack: Stack;
let fleet: Fleet;
let link: FaultProxy;
let ids: string[];

beforeAll(async () => {
  stack = await startStack({
    stateDir: join(stackStateDir('test'), '..', 'test-killed'),
    from: 'binaries',
    ownTemporal: true,
    // A commit that PostgreSQL has confirmed must outlive its death.
    postgresSettings: { synchronous_commit: 'on' },
  });
  fleet = await openFleet({
    stack,
    settings: {
      'export.compression': 'none',
      'cleanup.interval_ms': 1_000,
      'ssh.keepalive_ms': 1_000,
      // A connection that was begun in silence takes all of it, though the link is back.
      'ssh.connect_timeout_ms': 5_000,
      // None of these faults is a failure of the work for longer than this.
      'worker_pool.retry_attempts': 5,
      'server.breaker_open_ms': 1_000,
      'server.breaker_open_max_ms': 2_000,
    },
  });
  ids = await fleet.addVehicles(4, { rows: 1_000, padding: 400 });
  link = await fleet.linkToHost();
  await fleet.startWorker();
}, 120_000);
afterAll(async () => {
  await fleet?.close();
  await stack?.destroy();
});

/** A run in which every vehicle has news and three are being transferred for some seconds. */
async function transferring(): Promise<Run> {
  for (const id of ids) await fleet.addRows(id, 1_000, 400);
  link.set({ kind: 'rate', bytesPerSecond: 150_000 });
  const run = await fleet.start();
  await untilStage(fleet, run.runId, 'transferring');
  return run;
}

async function expectWhole(run: Run, withinMs: number): Promise<void> {
  const healedAt = Date.now();
  await eventually(async () => expect(await fleet.manager.status(run.runId)).toMatchObject({ state: 'completed' }), {
    withinMs,
    everyMs: 200,
  });
  expect(Date.now() - healedAt).toBeLessThan(withinMs);
  const ends = (await fleet.manager.results(run.runId)).map(({ status, error }) => error ?? status);
  expect(ends).toEqual(ids.map(() => 'completed'));
  await expectInvariants(fleet, ids);
}

/** What Temporal knows of the attempts that these vehicles' syncs run or wait for. */
async function attemptsOf(vehicleIds: string[]) {
  const syncs = vehicleIds.map((id) => fleet.client.workflow.getHandle(vehicleSyncWorkflowId(id)).describe());
  return (await Promise.allSettled(syncs)).flatMap((sync) =>
    sync.status === 'fulfilled' ? (sync.value.raw.pendingActivities ?? []) : [],
  );
}

test('the Temporal server killed and started again mid-run: nothing is lost, doubled or started over', async () => {
  const run = await transferring();
  await stack.server('temporal').kill('SIGKILL');
  await sleep(1_000);
  await stack.server('temporal').restart();
  link.set({ kind: 'pass' });
  await expectWhole(run, 30_000);
}, 90_000);

test('PostgreSQL killed while slots claim and vehicles import: delayed, and whole', async () => {
  await fleet.set({ 'worker_pool.max_workers': 4 });
  const many = await fleet.addVehicles(30, { rows: 50 });
  const run = await fleet.start();
  await eventually(async () => expect((await fleet.manager.status(run.runId)).completed).toBeGreaterThan(3));
  await stack.server('postgres').kill('SIGKILL');
  await sleep(2_000);
  await stack.server('postgres').restart();
  await eventually(
    async () => {
      const { state, failed } = await fleet.manager.status(run.runId);
      expect({ state, failed }).toEqual({ state: 'completed', failed: 0 });
    },
    { withinMs: 40_000, everyMs: 200 },
  );
  await expectInvariants(fleet, [...ids, ...many]);
}, 90_000);

test('Redis that hangs stalls nothing, and the status is told without it', async () => {
  await stack.server('redis').kill('SIGSTOP');
  try {
    for (const id of ids) await fleet.addRows(id, 300);
    const run = await fleet.start();
    await expectWhole(run, 20_000);
    const askedAt = Date.now();
    expect((await fleet.manager.status(run.runId)).workers).toEqual([]);
    expect(Date.now() - askedAt).toBeLessThan(2_000);
  } finally {
    await stack.server('redis').kill('SIGCONT');
  }
}, 60_000);

test('sshd killed with all its sessions, back after two seconds: each transfer goes on', async () => {
  const run = await transferring();
  await stack.server('sshd').kill('SIGKILL');
  link.set({ kind: 'rst' });
  await sleep(2_000);
  await stack.server('sshd').restart();
  link.set({ kind: 'pass' });
  await expectWhole(run, 30_000);
}, 90_000);

test('sshd away for longer than all attempts of a vehicle together: the circuit opens, and no vehicle is given up', async () => {
  // One attempt more than failures that open the circuit: a vehicle that alone hears of the end may use up both.
  await fleet.set({
    'worker_pool.retry_attempts': 2,
    'worker_pool.retry_initial_ms': 200,
    'server.breaker_failures': 2,
  });
  try {
    const run = await transferring();
    await stack.server('sshd').kill('SIGKILL');
    link.set({ kind: 'rst' });
    await eventually(async () => expect(await readCircuit(fleet.pool, SERVER_ID)).toMatchObject({ state: 'open' }));
    // Three probes more that fail: by now each vehicle would have been given up, attempt by attempt.
    await eventually(
      async () =>
        expect((await readCircuit(fleet.pool, SERVER_ID)) as { openings?: number }).toMatchObject({ openings: 4 }),
      { withinMs: 30_000 },
    );
    // Temporal's own interval has doubled past this by now: the host would be back long before anybody asked it.
    const attempts = await attemptsOf(ids);
    expect(attempts.length).toBeGreaterThan(0);
    for (const { currentRetryInterval } of attempts) {
      expect(Number(currentRetryInterval?.seconds ?? 0)).toBeLessThanOrEqual(5);
    }
    await stack.server('sshd').restart();
    link.set({ kind: 'pass' });
    await expectWhole(run, 45_000);
  } finally {
    await fleet.set({
      'worker_pool.retry_attempts': 5,
      'worker_pool.retry_initial_ms': 1_000,
      'server.breaker_failures': 5,
    });
    // These vehicles are too few probes to close it: it would begin the next test with its longest pause.
    await closeCircuit(fleet.pool, SERVER_ID, { actor: 'test', reason: 'sshd is back' });
  }
}, 120_000);

test('MariaDB killed in the middle of a dump, back after a second: the half dump is no dump', async () => {
  // The private server writes its log once a second: what it was told in the last one would go with it.
  await runMariadb(stack.mariadb, 'SET GLOBAL innodb_flush_log_at_trx_commit = 1');
  const [big] = await fleet.addVehicles(1, CATCHABLE);
  const run = await fleet.start({ selection: { kind: 'list', vehicleIds: [big!] } });
  const release = await holdDump(fleet);
  await stack.server('mariadb').kill('SIGKILL');
  release();
  await sleep(1_000);
  await stack.server('mariadb').restart();
  expect(await run.result()).toMatchObject({ completed: 1, failed: 0, rows: CATCHABLE.rows });
  await expectInvariants(fleet, [...ids, big!]);
}, 90_000);

test('a link that goes silent without a word is noticed by the keepalive, and the transfer goes on over a new one', async () => {
  const run = await transferring();
  const { accepted } = link.traffic();
  link.set({ kind: 'blackhole' });
  // Three keepalives a second apart; then it tries to connect anew, into the same silence.
  await eventually(() => expect(link.traffic().accepted).toBeGreaterThan(accepted), { withinMs: 20_000 });
  link.set({ kind: 'pass' });
  await expectWhole(run, 40_000);
}, 90_000);
