/**
 * Random schedules on real processes: workers that are killed, stopped or stand still, servers that are killed, links that are slow, silent,
 * cut or damage bytes, answers that are lost, operators' orders. A failure prints its seed, its path and its schedule. FLEETGRAPH_SEED=<seed>
 * FLEETGRAPH_PATH=<path> repeats it, with FLEETGRAPH_SHRINK_MINUTES=<n> the shortest schedule that shows it is looked for so long.
 * FLEETGRAPH_PROCESS_SCHEDULES=<n> tries that many, FLEETGRAPH_SOAK_MINUTES=<n> that long.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, test } from '@jest/globals';
import fc from 'fast-check';
import { type Stack, stackStateDir, startStack } from '../../src/stack/stack.ts';
import { FaultWorld } from '../support/fault-world.ts';

const SOAK_MS = Number(process.env['FLEETGRAPH_SOAK_MINUTES'] ?? 0) * 60_000;
const SCHEDULES = SOAK_MS > 0 ? 1_000_000 : Number(process.env['FLEETGRAPH_PROCESS_SCHEDULES'] ?? 5);
const SHRINK_MS = Number(process.env['FLEETGRAPH_SHRINK_MINUTES'] ?? 0) * 60_000;
/** The suite's schedules are always the same: a red one is then about the change under test. A soak's are others each time. */
const SUITE_SEED = SOAK_MS > 0 ? undefined : '2026';
const { FLEETGRAPH_SEED: SEED = SUITE_SEED, FLEETGRAPH_PATH: PATH } = process.env;
/** A schedule is as long as the suite bears; a soak's are longer than a heartbeat's patience. */
const LENGTH = SOAK_MS > 0 ? { minLength: 10, maxLength: 40 } : { minLength: 5, maxLength: 8 };

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    stateDir: join(stackStateDir('test'), '..', 'test-random-processes'),
    from: 'binaries',
    ownTemporal: true,
    // A commit that PostgreSQL has confirmed must outlive its death.
    postgresSettings: { synchronous_commit: 'on' },
  });
}, 120_000);
afterAll(() => stack?.destroy());

const AWAY_MS = (n: number): number => 100 + 150 * n;
const ANSWER_OF_COMMIT = /INSERT INTO import_ledger[^]*COMMIT/;

const STEPS: Record<string, (world: FaultWorld, n: number) => Promise<void> | void> = {
  'a worker is killed': (world, n) => world.replace(n, 'SIGKILL'),
  'a worker is deployed anew': (world, n) => world.replace(n, 'SIGTERM'),
  'a worker stands still': (world, n) => world.freeze(n),
  'those that stand still wake up': (world) => world.wake(),
  'the host is far away': (world, n) => world.link('host', { kind: 'latency', ms: 20 * n }),
  'the host is slow': (world, n) => world.link('host', { kind: 'rate', bytesPerSecond: 20_000 * (n + 1) }),
  'the host is silent': (world) => world.link('host', { kind: 'blackhole' }),
  'the host is cut off': (world) => world.link('host', { kind: 'rst' }),
  'the host is cut off in the middle': (world, n) => world.link('host', { kind: 'cut-after', bytes: 5_000 * (n + 1) }),
  'the way from the host damages bytes': (world) => world.link('host', { kind: 'corrupt' }),
  'the host is well': (world) => world.link('host', { kind: 'pass' }),
  'the database is silent': (world) => world.link('database', { kind: 'blackhole' }),
  'the database is cut off': (world) => world.link('database', { kind: 'rst' }),
  'an answer to COMMIT is lost': (world) =>
    world.link('database', { kind: 'drop-reply-after', pattern: ANSWER_OF_COMMIT, reset: true }),
  'the database is well': (world) => world.link('database', { kind: 'pass' }),
  'Temporal is killed': (world, n) => world.killServer('temporal', AWAY_MS(n)),
  'PostgreSQL is killed': (world, n) => world.killServer('postgres', AWAY_MS(n)),
  'MariaDB is killed': (world, n) => world.killServer('mariadb', AWAY_MS(n)),
  'sshd is killed': (world, n) => world.killServer('sshd', AWAY_MS(n)),
  'Redis is killed': (world, n) => world.killServer('redis', AWAY_MS(n)),
  'news arrive': (world, n) => world.news(n),
  'a run is asked for': (world) => world.ask(),
  'the operator pauses': (world) => world.operator((manager, runId) => manager.pause(runId)),
  'the operator resumes': (world) => world.operator((manager, runId) => manager.resume(runId)),
  'the operator wants other workers': (world, n) =>
    world.operator((manager, runId) => manager.setMaxWorkers(runId, 1 + (n % 4))),
  'the operator cancels': (world) => world.operator((manager, runId) => manager.cancel(runId)),
};

async function live(world: FaultWorld, steps: { act: string; n: number }[]): Promise<void> {
  try {
    for (const { act, n } of steps) {
      await world.do(act, STEPS[act]!(world, n));
      await sleep(100 + 50 * n);
    }
    await world.do('all harm is taken away', world.heal());
    await world.expectLive();
  } catch (cause) {
    throw new Error(await world.account(), { cause });
  }
}

let tried = 0;
afterAll(() => console.log(`${tried} random schedules on real processes`));

const step = fc.record({ act: fc.constantFrom(...Object.keys(STEPS)), n: fc.nat(11) });
const schedule = fc.record({
  unit: fc.constantFrom('vehicle' as const, 'table' as const),
  steps: fc.array(step, LENGTH),
});

test(
  'whatever befalls the processes in whatever order, nothing is lost, doubled or left behind, and the next run is whole',
  () =>
    fc.assert(
      fc.asyncProperty(schedule, async ({ unit, steps }) => {
        tried += 1;
        const world = await FaultWorld.open(stack, { unit });
        const lived = await Promise.allSettled([live(world, steps)]);
        const closed = await Promise.allSettled([world.do('the fleet is closed', world.close())]);
        // What a fleet died of says more than that it could not be closed.
        for (const { reason } of [...lived, ...closed].filter((end) => end.status === 'rejected')) throw reason;
      }),
      {
        numRuns: SCHEDULES,
        endOnFailure: SHRINK_MS === 0,
        ...(SEED === undefined ? {} : { seed: Number(SEED) }),
        ...(PATH === undefined ? {} : { path: PATH }),
        ...(SOAK_MS + SHRINK_MS > 0 ? { interruptAfterTimeLimit: SOAK_MS + SHRINK_MS } : {}),
      },
    ),
  600_000 + SOAK_MS + SHRINK_MS,
);
