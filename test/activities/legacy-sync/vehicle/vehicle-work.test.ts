import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { removeOutlivedFiles } from '../../../../src/activities/legacy-sync/vehicle/remove-outlived-files.ts';
import { type VehicleWork, createVehicleWork } from '../../../../src/activities/legacy-sync/vehicle/vehicle-work.ts';
import { readSettings } from '../../../../src/records/settings.ts';
import type { VehicleSyncKey } from '../../../../src/workflows/legacy-sync/activities.ts';
import {
  addServer,
  completed,
  fleetDatabase,
  fleetOf,
  set,
  slotOf,
  startRun,
  syncRow,
} from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();

let work: VehicleWork;
let key: VehicleSyncKey;
beforeEach(async () => {
  await addServer(pool(), 'depot-1', { count: 2 });
  const fleet = fleetOf(pool());
  const runId = await startRun(fleet);
  await slotOf(fleet, runId, 1).claim();
  key = { runId, vehicleId: '1', slot: 1 };
  work = createVehicleWork({ pool: pool(), settings: () => readSettings(pool()), random: () => 0.5 });
});

/** As if the clock had been running for so long. */
const runningFor = (ms: number) =>
  pool().query(
    `UPDATE vehicle_syncs SET working_since = clock_timestamp() - $1 * interval '1 millisecond'
                WHERE state = 'claimed'`,
    [ms],
  );

test('the clock counts work, and stands while the vehicle queues', async () => {
  expect(await work.workedMs(key)).toBe(0);
  await work.begin(key, 'exporting');
  expect(await syncRow(pool(), key.runId, '1')).toMatchObject({ status: 'exporting' });
  await runningFor(5_000);
  expect(await work.workedMs(key)).toBeGreaterThanOrEqual(5_000);
  await work.end(key);
  const worked = await work.workedMs(key);
  expect(worked).toBeGreaterThanOrEqual(5_000);
  expect(worked).toBeLessThan(7_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await work.workedMs(key)).toBe(worked);
  // A second stage goes on from there; beginning twice counts nothing twice.
  await work.begin(key, 'transferring');
  await runningFor(2_000);
  await work.begin(key, 'importing');
  await work.end(key);
  expect(await work.workedMs(key)).toBeGreaterThanOrEqual(worked + 2_000);
  expect(await work.workedMs(key)).toBeLessThan(worked + 4_000);
});

test('a killed worker’s clock stops with its heartbeats, however late the next attempt comes', async () => {
  await work.begin(key, 'exporting');
  await runningFor(3_600_000);
  expect(await work.workedMs(key)).toBe(10_000);
  await work.begin(key, 'exporting');
  expect(await work.workedMs(key)).toBeLessThan(11_000);
});

test('a sign of life moves the lease and the clock, and writes at most every third second', async () => {
  await pool().query(`UPDATE vehicle_syncs SET lease_until = now() - interval '1 second' WHERE state = 'claimed'`);
  await work.begin(key, 'exporting');
  await runningFor(4_000);
  await pool().query(`UPDATE vehicle_syncs SET lease_until = now() WHERE state = 'claimed'`);
  await work.renewLease(key);
  const { rows } = await pool().query(
    `SELECT lease_until > now() + interval '50 seconds' AS leased, worked_ms >= 4000 AS counted,
            working_since > now() - interval '2 seconds' AS going FROM vehicle_syncs WHERE state = 'claimed'`,
  );
  expect(rows).toEqual([{ leased: true, counted: true, going: true }]);
  await pool().query(`UPDATE vehicle_syncs SET lease_until = now() WHERE state = 'claimed'`);
  await work.renewLease(key);
  const again = await pool().query(
    `SELECT lease_until <= now() AS untouched FROM vehicle_syncs WHERE state = 'claimed'`,
  );
  expect(again.rows).toEqual([{ untouched: true }]);
});

test('two retries after the first attempt, further and further apart; then no more', async () => {
  const wait = (failures: number, mayRetry: boolean, retryInMs: number) => ({ failures, mayRetry, retryInMs });
  expect(await work.recordFailure(key, 'ExportFailed')).toEqual(wait(1, true, 1_000));
  expect(await work.recordFailure(key, 'ExportFailed')).toEqual(wait(2, true, 2_000));
  expect(await work.recordFailure(key, 'ExportFailed')).toEqual(wait(3, false, 4_000));
});

test('retry_attempts 0 is one attempt, a failure that no retry helps has none, and the wait is capped and spread', async () => {
  await set(pool(), 'worker_pool.retry_attempts', 0);
  expect(await work.recordFailure(key, 'ExportFailed')).toMatchObject({ failures: 1, mayRetry: false });
  await set(pool(), 'worker_pool.retry_attempts', 50);
  expect(await work.recordFailure(key, 'SchemaDrift')).toMatchObject({ failures: 2, mayRetry: false });
  await set(pool(), 'worker_pool.retry_max_ms', 3_000);
  const spread = (random: number) =>
    createVehicleWork({ pool: pool(), settings: () => readSettings(pool()), random: () => random });
  expect((await spread(0).recordFailure(key, 'ExportFailed')).retryInMs).toBe(2_250);
  expect((await spread(1).recordFailure(key, 'ExportFailed')).retryInMs).toBe(3_750);
});

test('every call is refused when this run and slot do not hold the vehicle', async () => {
  const strangers: VehicleSyncKey[] = [
    { ...key, slot: 2 },
    { ...key, vehicleId: '2' },
    { ...key, runId: randomUUID() },
  ];
  for (const stranger of strangers) {
    const refused = { code: 'NoClaim' };
    await expect(work.begin(stranger, 'exporting')).rejects.toMatchObject(refused);
    await expect(work.end(stranger)).rejects.toMatchObject(refused);
    await expect(work.renewLease(stranger)).rejects.toMatchObject(refused);
    await expect(work.workedMs(stranger)).rejects.toMatchObject(refused);
    await expect(work.recordFailure(stranger, 'ExportFailed')).rejects.toMatchObject(refused);
  }
  expect(await syncRow(pool(), key.runId, '1')).toMatchObject({ status: 'idle', work_failures: 0 });
  await fleetOf(pool()).claimNext({ runId: key.runId, slot: 1, sequence: 2, settle: completed('1') });
  await expect(work.begin(key)).rejects.toMatchObject({ code: 'NoClaim' });
});

test('who holds the vehicle keeps its files; who has outlived the claim removes them, and what fails then is not told', async () => {
  const removed: string[] = [];
  const fails = async (): Promise<never> => Promise.reject(new Error('the host is away'));
  // Fakes: what is asked here is whether and when, and remote-files.test.ts has the removing itself.
  const leave = (who: VehicleSyncKey, removeFiles: (dir: { vehicleId: string }) => Promise<void>) => {
    const staging = { remove: async ({ vehicleId }: { vehicleId: string }) => void removed.push(`here ${vehicleId}`) };
    return removeOutlivedFiles({ pool: pool(), staging } as never, { removeFiles } as never, who);
  };
  const removes = async ({ vehicleId }: { vehicleId: string }) => void removed.push(`there ${vehicleId}`);
  await leave(key, removes);
  expect(removed).toEqual([]);
  await fleetOf(pool()).claimNext({ runId: key.runId, slot: 1, sequence: 2, settle: completed('1') });
  await leave(key, removes);
  expect(removed).toEqual(['here 1', 'there 1']);
  await expect(leave(key, fails)).resolves.toBeUndefined();
});
