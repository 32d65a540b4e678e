import { beforeEach, expect, test } from '@jest/globals';
import { inTransaction } from '../../src/connections/postgres.ts';
import {
  type Settlement,
  expiredClaims,
  putBack,
  runHolding,
  settleVehicle,
  vehicleClaims,
} from '../../src/records/vehicle-claims.ts';
import type { VehicleSyncKey } from '../../src/workflows/legacy-sync/activities.ts';
import { addServer, fleetDatabase, fleetOf, slotOf, startRun } from '../support/fleet-fixture.ts';

const { isClaimed, readWorkedMs, startClock, stopClock } = vehicleClaims;
const pool = fleetDatabase();
const LOST: Settlement = { status: 'failed', code: 'Lost', message: 'nobody worked on it any more' };

let key: VehicleSyncKey;
beforeEach(async () => {
  await addServer(pool(), 'depot-1', { count: 2 });
  const fleet = fleetOf(pool());
  const runId = await startRun(fleet);
  await slotOf(fleet, runId, 1).claim();
  key = { runId, vehicleId: '1', slot: 1 };
});

const workedMs = async (): Promise<unknown> =>
  (await pool().query('SELECT worked_ms::float8 AS worked, working_since FROM vehicle_syncs WHERE vehicle_id = 1'))
    .rows[0];

test.each([
  ['the activity', () => stopClock(pool(), key)],
  ['the settling of the vehicle', () => inTransaction(pool(), (client) => settleVehicle(client, key, LOST))],
  ['giving it back to its run', () => putBack(pool(), key, { reason: 'its worker slot was lost', afterMs: 0 })],
])(
  'a clock that a killed worker left running adds the heartbeat timeout and no more, stopped by %s',
  async (_, stop) => {
    await startClock(pool(), key, { status: 'exporting', leaseMs: 60_000 });
    await pool().query(`UPDATE vehicle_syncs SET working_since = now() - interval '1 hour' WHERE state = 'claimed'`);
    expect(await readWorkedMs(pool(), key)).toBe(10_000);
    await stop();
    expect(await workedMs()).toEqual({ worked: 10_000, working_since: null });
  },
);

test('a run holds a vehicle until it is settled, and is not told of itself', async () => {
  expect([await isClaimed(pool(), key), await runHolding(pool(), '1')]).toEqual([true, key.runId]);
  expect(await isClaimed(pool(), { ...key, slot: 2 })).toBe(false);
  expect(await runHolding(pool(), '1', key.runId)).toBeNull();
  await settleVehicle(pool(), key, LOST);
  expect([await isClaimed(pool(), key), await runHolding(pool(), '1')]).toEqual([false, null]);
});

test('a claim has expired once its lease has, and for the doctor a minute later', async () => {
  const expired = (atLeastMs?: number) => expiredClaims(pool(), atLeastMs);
  expect(await expired()).toEqual([]);
  await pool().query(`UPDATE vehicle_syncs SET lease_until = now() - interval '30 seconds' WHERE state = 'claimed'`);
  expect(await expired()).toEqual([expect.objectContaining({ ...key, runState: 'running' })]);
  expect(await expired(60_000)).toEqual([]);
  await pool().query(`UPDATE vehicle_syncs SET lease_until = now() - interval '2 minutes' WHERE state = 'claimed'`);
  expect(await expired(60_000)).toHaveLength(1);
});
