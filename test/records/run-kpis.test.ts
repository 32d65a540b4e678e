import { beforeEach, expect, test } from '@jest/globals';
import { errorsBySlot, kpisByRun, kpisOf, sumKpis } from '../../src/records/run-kpis.ts';
import { readConnectionPlaces } from '../../src/records/connection-places.ts';
import { readSettings } from '../../src/records/settings.ts';
import { countVehiclesByNews } from '../../src/records/vehicle-news.ts';
import type { FleetActivities } from '../../src/workflows/legacy-sync/activities.ts';
import { addServer, completed, failed, fleetDatabase, fleetOf, slotOf, startRun } from '../support/fleet-fixture.ts';

const pool = fleetDatabase();
let fleet: FleetActivities;
beforeEach(async () => {
  await addServer(pool(), 'depot-1', { count: 4 });
  fleet = fleetOf(pool());
});

/** A run of 100 s in which slot 1 synced for 40 s and failed for 20 s, and slot 2 failed for 10 s because of the server; a fourth had nothing new. */
async function aRun(outcome: 'completed' | 'cancelled' = 'completed'): Promise<string> {
  // The fourth is up to date.
  await pool().query('UPDATE vehicles SET enabled = (id < 4)');
  const runId = await startRun(fleet);
  const [one, two] = [slotOf(fleet, runId, 1), slotOf(fleet, runId, 2)];
  const [first, other] = [await one.claim(), await two.claim()];
  const second = await one.claim(completed(first.vehicleId));
  await two.ask(failed(other.vehicleId, 'SshUnreachable'));
  await one.ask(failed(second.vehicleId, 'SchemaDrift'));
  const worked = (vehicleId: string, seconds: number, inserted: number, bytes: number) =>
    pool().query(
      `UPDATE vehicle_syncs SET claimed_at = now() - interval '60 seconds', settled_at = now() - make_interval(secs => 60 - $3),
              inserted = $4, bytes = $5, state = 'settled' WHERE run_id = $1 AND vehicle_id = $2`,
      [runId, vehicleId, seconds, inserted, bytes],
    );
  await worked(first.vehicleId, 40, 5_000, 2_000_000);
  await worked(second.vehicleId, 20, 0, 500_000);
  await worked(other.vehicleId, 10, 0, 0);
  await pool().query(
    `UPDATE sync_runs SET up_to_date = 1, started_at = now() - interval '100 seconds' WHERE run_id = $1`,
    [runId],
  );
  await fleet.finishRun({ runId, outcome });
  return runId;
}

test('the figures of a run are written when it is finished, once', async () => {
  const runId = await aRun();
  await fleet.finishRun({ runId, outcome: 'completed' });
  const [run, ...more] = await kpisByRun(pool(), { seconds: 3_600, most: 10 });
  expect([run?.runId, more]).toEqual([runId, []]);
  const { durationMs, ...sums } = run!.sums;
  // By the clock of this test and a little more.
  expect(durationMs / 1_000).toBeGreaterThanOrEqual(100);
  expect(sums).toMatchObject({
    runs: 1,
    busySlotMs: 70_000,
    vehicles: 4,
    upToDate: 1,
    synced: 1,
    syncedSlotMs: 40_000,
    failed: 2,
    serverFailures: 1,
  });
  expect(kpisOf({ ...sums, durationMs: 100_000, slotMs: 200_000 })).toEqual({
    workerUtilisation: 0.35,
    secondsPerVehicle: 40,
    vehiclesPerHour: 36,
    successRate: 0.5,
    sshHealth: 2 / 3,
    megabytesPerSecond: 0.025,
    rowsPerSecond: 50,
  });
  // Each is a whole number of its own.
  expect(Math.abs(sums.slotMs - 2 * durationMs)).toBeLessThanOrEqual(1);
  expect(await errorsBySlot(pool(), 3_600)).toEqual([
    { slot: 1, works: 2, failed: 1 },
    { slot: 2, works: 1, failed: 1 },
  ]);
});

test('a window adds up its runs, without the cancelled ones and those before it', async () => {
  expect(kpisOf(await sumKpis(pool(), 60))).toEqual({
    workerUtilisation: null,
    secondsPerVehicle: null,
    vehiclesPerHour: null,
    successRate: null,
    sshHealth: null,
    megabytesPerSecond: null,
    rowsPerSecond: null,
  });
  const old = await aRun();
  await pool().query(`UPDATE run_kpis SET ended_at = now() - interval '2 hours' WHERE run_id = $1`, [old]);
  await aRun('cancelled');
  await aRun();
  expect(await sumKpis(pool(), 3_600)).toMatchObject({ runs: 1, vehicles: 4, inserted: 5_000 });
  expect(await sumKpis(pool(), 10_800)).toMatchObject({ runs: 2, vehicles: 8, inserted: 10_000, bytes: 5_000_000 });
});

test('a silent vehicle is told from one that is not synced', async () => {
  const be = (id: number, synced: string | null, newest: string | null) =>
    pool().query(
      'UPDATE vehicles SET last_synced_at = now() - $2::interval, newest_position_at = now() - $3::interval WHERE id = $1',
      [id, synced, newest],
    );
  await be(1, '1 minute', '5 minutes');
  await be(2, '1 minute', '3 days');
  await be(3, '2 days', '2 days');
  const counted = await countVehiclesByNews(pool());
  expect(Object.fromEntries(counted.map(({ news, vehicles }) => [news, vehicles]))).toEqual({
    fresh: 1,
    silent: 1,
    unsynced: 1,
    never: 1,
  });
});

test('the connections to a server that are in use, of how many', async () => {
  await pool().query(
    `INSERT INTO server_permits (server_id, kind, holder, lease_until) VALUES ('depot-1', 'connection', 'a', now() + interval '1 minute'),
       ('depot-1', 'connection', 'b', now() - interval '1 minute'), ('depot-1', 'transfer', 'c', now() + interval '1 minute')`,
  );
  const settings = await readSettings(pool());
  expect(await readConnectionPlaces(pool(), settings)).toEqual([
    { serverId: 'depot-1', inUse: 1, places: settings.connectionPoolSize },
  ]);
  await pool().query(`UPDATE legacy_servers SET limits = '{"connectionPoolSize": 2}'`);
  expect(await readConnectionPlaces(pool(), settings)).toMatchObject([{ places: 2 }]);
});
