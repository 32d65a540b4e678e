import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SLOW_START } from '../../src/pool/adaptive-limit.ts';
import { NO_FLIGHTS } from '../../src/pool/flight-time.ts';
import { insertLegacyServer } from '../../src/records/legacy-servers.ts';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { type Fleet, SERVER_ID, openFleet, untilStage } from '../support/fleet.ts';
import { expectInvariants } from '../support/invariants.ts';

const SLOTS = 3;
let fleet: Fleet;
let link: FaultProxy;
let sick: string;
let others: string[];

beforeAll(async () => {
  fleet = await openFleet({
    settings: {
      'adaptive.enabled': true,
      // All three servers are this machine, and its load is the suite's.
      'adaptive.max_load_per_core': 1_000,
      'adaptive.max_threads_running': 1_000,
      'worker_pool.max_workers': SLOTS,
      'worker_pool.claim_poll_ms': 50,
      'worker_pool.retry_attempts': 100,
      'worker_pool.retry_initial_ms': 100,
      'worker_pool.retry_max_ms': 300,
      'server.breaker_failures': 1_000,
      'export.plan_patience_ms': 20_000,
    },
  });
  const { port, ...healthy } = fleet.server;
  for (const id of ['left', 'right']) await insertLegacyServer(fleet.pool, { ...healthy, port, id });
  [sick] = (await fleet.addVehicles(1, { rows: 50, priority: 1 })) as [string];
  others = await fleet.addVehicles(40, { rows: 1_000 });
  await fleet.pool.query(
    `UPDATE vehicles SET server_id = CASE WHEN id % 2 = 0 THEN 'left' ELSE 'right' END WHERE id = ANY($1)`,
    [others],
  );
  await fleet.pool.query('UPDATE legacy_server_state SET adaptive = $1', [
    { limit: { ...SLOW_START, limit: 4, phase: 'held' }, flights: NO_FLIGHTS },
  ]);
  link = await fleet.linkToHost();
  await fleet.startWorker();
}, 90_000);
afterAll(() => fleet?.close());

const claimed = async (runId: string): Promise<{ sick: number; others: number }> => {
  const { rows } = await fleet.pool.query<{ sick: number; others: number }>(
    `SELECT (count(*) FILTER (WHERE server_id = $2))::int AS sick, (count(*) FILTER (WHERE server_id <> $2))::int AS others
       FROM vehicle_syncs WHERE run_id = $1 AND state = 'claimed'`,
    [runId, SERVER_ID],
  );
  return rows[0]!;
};

test('one of three servers hangs with a vehicle: the other two get all slots of the run, and end while it hangs', async () => {
  link.set({ kind: 'latency', ms: 80 });
  const run = await fleet.start();
  await untilStage(fleet, run.runId, 'exporting', sick);
  link.set({ kind: 'rst' });
  await eventually(async () => expect(await claimed(run.runId)).toEqual({ sick: 1, others: SLOTS }), {
    withinMs: 20_000,
    everyMs: 20,
  });
  await eventually(
    async () => {
      const { rows } = await fleet.pool.query<{ completed: number }>(
        `SELECT count(*)::int AS completed FROM vehicle_syncs WHERE run_id = $1 AND status = 'completed'`,
        [run.runId],
      );
      expect(rows[0]!.completed).toBe(others.length);
    },
    { withinMs: 60_000, everyMs: 100 },
  );
  expect(await claimed(run.runId)).toEqual({ sick: 1, others: 0 });
  link.set({ kind: 'pass' });
  expect(await run.result()).toMatchObject({ completed: others.length + 1, failed: 0 });
  await expectInvariants(fleet, [sick, ...others]);
}, 120_000);
