import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SLOW_START } from '../../src/pool/adaptive-limit.ts';
import { NO_FLIGHTS } from '../../src/pool/flight-time.ts';
import { type LimitChangeRow, readLimitChanges } from '../../src/records/limit-changes.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, SERVER_ID, openFleet } from '../support/fleet.ts';
import { CATCHABLE, holdDump } from '../support/hold-dump.ts';
import { expectInvariants } from '../support/invariants.ts';

const PLACES = 6;
let fleet: Fleet;
let ids: string[];

beforeAll(async () => {
  fleet = await openFleet({
    settings: {
      'adaptive.enabled': true,
      // The host is this machine, which is busy with other tests.
      'adaptive.max_load_per_core': 1_000,
      'worker_pool.max_workers': PLACES,
      'worker_pool.claim_poll_ms': 50,
      'worker_pool.retry_attempts': 30,
      'worker_pool.retry_initial_ms': 100,
      'worker_pool.retry_max_ms': 300,
      // It is the limit that is looked at: the circuit stays closed.
      'server.breaker_failures': 1_000,
    },
  });
  ids = await fleet.addVehicles(PLACES, CATCHABLE);
  ids.push(...(await fleet.addVehicles(18, { rows: 50 })));
  await fleet.startWorker();
}, 90_000);
afterAll(() => fleet?.close());

const changes = (): Promise<LimitChangeRow[]> => readLimitChanges(fleet.pool, { serverId: SERVER_ID, limit: 1_000 });
const allowConnections = (most: number): Promise<void> =>
  fleet.legacy.query(`ALTER USER '${fleet.legacy.user}'@'127.0.0.1' WITH MAX_USER_CONNECTIONS ${most}`);

test('a database with too many connections shrinks the limit within one vehicle, and it grows back when there is room again', async () => {
  const held = { limit: { ...SLOW_START, limit: PLACES, phase: 'held' }, flights: NO_FLIGHTS };
  await fleet.pool.query('UPDATE legacy_server_state SET adaptive = $1', [held]);
  await allowConnections(1);
  const run = await fleet.start();
  const release = await holdDump(fleet);
  try {
    const shrunk = await eventually(
      async () => {
        const [last] = await changes();
        if (last === undefined) throw new Error('The limit has not changed.');
        return last;
      },
      { withinMs: 15_000, everyMs: 50 },
    );
    expect(shrunk.to).toBeLessThanOrEqual(PLACES / 2);
    expect(shrunk.reason).toMatch(/^LegacyDatabaseUnavailable with [2-6] in flight$/);
    const { rows } = await fleet.pool.query<{ completed: number }>(
      `SELECT count(*)::int AS completed FROM vehicle_syncs WHERE run_id = $1 AND settled_at < $2`,
      [run.runId, shrunk.changedAt],
    );
    expect(rows[0]!.completed).toBeLessThanOrEqual(1);
  } finally {
    await allowConnections(0);
    release();
  }
  expect(await run.result()).toMatchObject({ completed: ids.length, failed: 0 });
  const lowest = Math.min(...(await changes()).map(({ to }) => to));
  expect(lowest).toBeLessThanOrEqual(PLACES / 2);

  for (const id of ids) await fleet.addRows(id, 20);
  expect(await (await fleet.start()).result()).toMatchObject({ completed: ids.length, failed: 0 });
  // Where it stands at the end is this machine's knee, which may lie below where the trouble took it.
  const grown = (await changes()).filter(({ reason }) => reason === 'no more trouble');
  expect(grown.length).toBeGreaterThan(0);
  for (const { from, to } of grown) expect(to).toBeGreaterThan(from);
  await expectInvariants(fleet, ids);
}, 120_000);

test('switched off, nothing adapts and nothing is written', async () => {
  await fleet.set({ 'adaptive.enabled': false });
  const before = await fleet.pool.query('SELECT adaptive FROM legacy_server_state');
  const told = (await changes()).length;
  for (const id of ids) await fleet.addRows(id, 5);
  expect(await (await fleet.start()).result()).toMatchObject({ completed: ids.length, failed: 0 });
  expect((await fleet.pool.query('SELECT adaptive FROM legacy_server_state')).rows).toEqual(before.rows);
  expect(await changes()).toHaveLength(told);
}, 60_000);
