import { beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createSettleLostClaims } from '../../../../src/activities/legacy-sync/fleet/settle-lost-claims.ts';
import type { IsAlive } from '../../../../src/activities/legacy-sync/fleet/lost-work.ts';
import type { FleetActivities } from '../../../../src/workflows/legacy-sync/activities.ts';
import { readSettings } from '../../../../src/records/settings.ts';
import {
  addServer,
  completed,
  fleetDatabase,
  fleetOf,
  slotOf,
  startRun,
  syncRow,
} from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();

let fleet: FleetActivities;
/** A fake of Temporal's `describe`: the workflows that run, as "id" or "id@first run id". */
let running: Set<string>;

beforeEach(async () => {
  await addServer(pool(), 'depot-1', { count: 4 });
  fleet = fleetOf(pool());
  running = new Set();
});

const isAlive: IsAlive = async (workflowId, firstRunId) =>
  running.has(firstRunId === undefined ? workflowId : `${workflowId}@${firstRunId}`) ? 'running' : 'closed';
const reconcile = () =>
  createSettleLostClaims({
    pool: pool(),
    settings: () => readSettings(pool()),
    isAlive,
    log: pino({ level: 'silent' }),
  })();
const expireLeases = () =>
  pool().query(`UPDATE vehicle_syncs SET lease_until = now() - interval '1 second' WHERE state = 'claimed'`);

const claimed = async () => {
  const runId = await startRun(fleet);
  const slot = slotOf(fleet, runId, 1);
  await slot.claim();
  return { runId, slot, run: `fleet-sync/all@${runId}` };
};

test('a claim whose lease holds is left alone, whatever Temporal says of its slot', async () => {
  const { run } = await claimed();
  running.add(run);
  expect(await reconcile()).toEqual({ extended: 0, lost: 0, putBack: 0, lostRuns: [] });
});

test('a vehicle that is still being synced keeps its place, with a new lease', async () => {
  const { runId, run } = await claimed();
  running.add(run).add('vehicle-sync/1');
  await expireLeases();
  expect(await reconcile()).toMatchObject({ extended: 1, lost: 0, putBack: 0 });
  const { rows } = await pool().query(
    `SELECT lease_until > now() + interval '50 s' AS leased FROM vehicle_syncs WHERE state = 'claimed'`,
  );
  expect(rows).toEqual([{ leased: true }]);
  expect(await syncRow(pool(), runId, '1')).toMatchObject({ state: 'claimed', slot: 1 });
});

test('a vehicle that has ended is its slot’s to settle, for as long as the slot lives', async () => {
  const { runId, run, slot } = await claimed();
  running.add(run).add('fleet-sync/all/worker-1');
  await expireLeases();
  expect(await reconcile()).toMatchObject({ extended: 1, putBack: 0, lost: 0 });
  await slot.claim(completed('1'));
  expect(await syncRow(pool(), runId, '1')).toMatchObject({ status: 'completed' });
});

test('a vehicle whose slot is gone goes back to the run that goes on', async () => {
  const { runId, run } = await claimed();
  running.add(run);
  await expireLeases();
  expect(await reconcile()).toMatchObject({ putBack: 1, extended: 0, lost: 0 });
  expect(await syncRow(pool(), runId, '1')).toMatchObject({
    state: 'planned',
    slot: null,
    failure_message: 'its worker slot was lost',
  });
  expect(await slotOf(fleet, runId, 2).claim()).toMatchObject({ vehicleId: '2' });
});

test('a terminated run is lost: planned vehicles at once, claimed ones when their lease is out; the places are free', async () => {
  const { runId } = await claimed();
  // The same workflow id runs again: that is another run.
  running.add('fleet-sync/all').add('fleet-sync/all@another').add('vehicle-sync/1');
  expect(await reconcile()).toEqual({ extended: 0, lost: 0, putBack: 0, lostRuns: [runId] });
  expect(await syncRow(pool(), runId, '2')).toMatchObject({ status: 'failed', failure_code: 'Lost' });
  expect(await syncRow(pool(), runId, '1')).toMatchObject({ state: 'claimed' });

  await expireLeases();
  // Its vehicle is still cleaning up.
  expect(await reconcile()).toMatchObject({ extended: 1, lost: 0 });
  running.delete('vehicle-sync/1');
  await expireLeases();
  expect(await reconcile()).toMatchObject({ extended: 0, lost: 1 });
  expect(await syncRow(pool(), runId, '1')).toMatchObject({
    status: 'failed',
    failure_code: 'Lost',
    lease_until: null,
  });
  const { rows } = await pool().query('SELECT state, finished_at IS NOT NULL AS finished FROM sync_runs');
  expect(rows).toEqual([{ state: 'lost', finished: true }]);

  const next = await startRun(fleet);
  expect(await slotOf(fleet, next, 1).claim()).toMatchObject({ vehicleId: '1' });
});

test('a cancelled run settles what it left as cancelled; finishing again changes nothing', async () => {
  const { runId } = await claimed();
  const summary = {
    runId,
    state: 'cancelled',
    vehicles: 4,
    completed: 0,
    failed: 4,
    upToDate: 0,
    rows: 0,
    bytes: 0,
    quarantined: 0,
  };
  expect(await fleet.finishRun({ runId, outcome: 'cancelled' })).toEqual(summary);
  expect(await syncRow(pool(), runId, '1')).toMatchObject({
    state: 'settled',
    failure_code: 'Cancelled',
    lease_until: null,
  });
  const finished = await pool().query('SELECT state, finished_at FROM sync_runs');
  expect(await fleet.finishRun({ runId, outcome: 'completed' })).toEqual(summary);
  expect((await pool().query('SELECT state, finished_at FROM sync_runs')).rows).toEqual(finished.rows);
  expect(await slotOf(fleet, runId, 2).ask()).toMatchObject({ kind: 'retire', reason: 'drained' });
});

test('ten janitors at once settle a claim once', async () => {
  await claimed();
  await expireLeases();
  const results = await Promise.all(Array.from({ length: 10 }, reconcile));
  expect(results.reduce((lost, result) => lost + result.lost, 0)).toBe(1);
  expect(results.flatMap((result) => result.lostRuns)).toHaveLength(1);
});

test('Temporal that does not answer settles nothing', async () => {
  const { runId } = await claimed();
  await expireLeases();
  const away = createSettleLostClaims({
    pool: pool(),
    settings: () => readSettings(pool()),
    isAlive: () => Promise.reject(new Error('UNAVAILABLE')),
    log: pino({ level: 'silent' }),
  });
  await expect(away()).rejects.toThrow('UNAVAILABLE');
  expect(await syncRow(pool(), runId, '1')).toMatchObject({ state: 'claimed' });
  expect((await pool().query('SELECT state FROM sync_runs')).rows).toEqual([{ state: 'running' }]);
});
