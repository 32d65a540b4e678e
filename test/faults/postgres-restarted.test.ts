import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { openPostgres } from '../../src/connections/postgres.ts';
import { isDatabaseUnavailable } from '../../src/connections/database-errors.ts';
import { type ServerPermits, openServerPermits } from '../../src/pool/permits.ts';
import { type Stack, startStack } from '../../src/stack/stack.ts';
import type { Claim, VehicleOutcome } from '../../src/workflows/legacy-sync/activities.ts';
import { stateFolder } from '../support/state-folder.ts';
import { eventually } from '../support/eventually.ts';
import { type FreshDatabase, freshDatabase } from '../support/stack.ts';
import { addServer, completed, fleetOf, startRun } from '../support/fleet-fixture.ts';

let stack: Stack;
let database: FreshDatabase;
let pool: pg.Pool;
const opened: ServerPermits[] = [];
beforeAll(async () => {
  stack = await startStack({
    stateDir: stateFolder('postgres-restart'),
    servers: ['postgres'],
    from: 'binaries',
    // The test stack answers COMMIT before the disk has it, for speed: a killed server then forgets what it promised.
    postgresSettings: { synchronous_commit: 'on' },
  });
  database = await freshDatabase(stack.postgres);
  pool = openPostgres(database.url, { max: 10, applicationName: 'fleetgraph restart test' });
}, 120_000);
afterAll(async () => {
  await Promise.all(opened.map((permits) => permits.close()));
  await pool?.end();
  await database?.drop();
  await stack?.destroy();
});

test('PostgreSQL killed and restarted again and again during claims: every vehicle once, none lost, all places free', async () => {
  const vehicles = 80;
  const limit = 4;
  await addServer(pool, 'depot-1', { count: vehicles, over: { limits: { maxConcurrentVehicles: limit } } });
  const fleet = fleetOf(pool);
  const runId = await startRun(fleet);
  const seen: string[] = [];
  let outages = 0;

  /** As Temporal does it: the same claim, until it is answered. */
  const insist = async (input: Parameters<typeof fleet.claimNext>[0]): Promise<Claim> => {
    for (;;) {
      try {
        return await fleet.claimNext(input);
      } catch (error) {
        if (!isDatabaseUnavailable(error)) throw error;
        outages += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const slot = async (number: number): Promise<void> => {
    let settle: VehicleOutcome | null = null;
    for (let sequence = 1; ; sequence += 1) {
      const claim: Claim = await insist({ runId, slot: number, sequence, settle });
      settle = null;
      if (claim.kind === 'retire') return;
      if (claim.kind === 'vehicle') {
        seen.push(claim.vehicle.vehicleId);
        settle = completed(claim.vehicle.vehicleId);
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  };

  let restarts = 0;
  let done = false;
  const chaos = (async () => {
    while (!done && restarts < 3) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      // No shutdown: the process is gone in the middle of whatever it was committing.
      await stack.server('postgres').kill('SIGKILL');
      await stack.server('postgres').restart();
      restarts += 1;
    }
  })();
  await Promise.all(Array.from({ length: 6 }, (_, index) => slot(index + 1)));
  done = true;
  await chaos;

  expect(restarts).toBeGreaterThan(0);
  expect(outages).toBeGreaterThan(0);
  expect(seen).toHaveLength(vehicles);
  expect(new Set(seen).size).toBe(vehicles);
  await eventually(async () => {
    const summary = await fleet.finishRun({ runId, outcome: 'completed' });
    expect(summary).toMatchObject({ vehicles, completed: vehicles, failed: 0 });
  });
}, 120_000);

test('permits survive a restart: their holders renew before anybody may take their places', async () => {
  await addServer(pool, 'depot-2', { first: 1_000 });
  const options = { pool, url: database.url, limitOf: async () => 1, leaseMs: 3_000, pollMs: 100 };
  const one = await openServerPermits(options);
  const two = await openServerPermits(options);
  opened.push(one, two);
  let lost = false;
  const held = await one.connections('depot-2').acquire();
  held.onLost(() => (lost = true));

  await stack.server('postgres').kill('SIGKILL');
  // Away for longer than the lease.
  await new Promise((resolve) => setTimeout(resolve, 3_500));
  await stack.server('postgres').restart();

  let taken = false;
  const next = (async () => {
    for (;;) {
      try {
        const permit = await two.connections('depot-2').acquire();
        taken = true;
        return permit;
      } catch (error) {
        if (!isDatabaseUnavailable(error)) throw error;
      }
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 4_500));
  expect({ taken, lost }).toEqual({ taken: false, lost: false });
  await held.release();
  await (await next).release();
}, 60_000);

test('a place whose lease ran out while PostgreSQL was down is given away one lease after its return, not before', async () => {
  const leaseMs = 4_000;
  await addServer(pool, 'depot-3', { first: 2_000 });
  const permits = await openServerPermits({ pool, url: database.url, limitOf: async () => 1, leaseMs, pollMs: 50 });
  opened.push(permits);
  // Connected for longer than a lease: without the outage it might take the place at once.
  await new Promise((resolve) => setTimeout(resolve, leaseMs + 100));
  await stack.server('postgres').kill('SIGKILL');
  const back = performance.now();
  await stack.server('postgres').restart();
  // Its holder is slow to come back.
  await eventually(() =>
    pool.query(`INSERT INTO server_permits VALUES ('depot-3', 'connection', 'slow', now() - interval '1 minute')`),
  );
  await permits.connections('depot-3').acquire();
  expect(performance.now() - back).toBeGreaterThanOrEqual(leaseMs);
}, 60_000);
