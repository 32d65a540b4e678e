import { beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createSettleLostClaims } from '../../../../src/activities/legacy-sync/fleet/settle-lost-claims.ts';
import { readSettings } from '../../../../src/records/settings.ts';
import type { FleetActivities } from '../../../../src/workflows/legacy-sync/activities.ts';
import { tableSliceSyncWorkflowId } from '../../../../src/workflows/legacy-sync/messages.ts';
import {
  addServer,
  fleetDatabase,
  fleetOf,
  readTogether,
  sliceEnded,
  slotOf,
  startRun,
  syncRow,
} from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();

let fleet: FleetActivities;
/** A fake of Temporal's `describe`: the workflows that run, as "id" or "id@first run id". */
let running: Set<string>;

beforeEach(async () => {
  await addServer(pool(), 'depot-1', { count: 3 });
  fleet = fleetOf(pool());
  running = new Set();
});

const reconcile = createSettleLostClaims({
  get pool() {
    return pool();
  },
  settings: () => readSettings(pool()),
  isAlive: async (id, firstRunId) =>
    running.has(firstRunId === undefined ? id : `${id}@${firstRunId}`) ? 'running' : 'closed',
  log: pino({ level: 'silent' }),
});
const expireLeases = () =>
  pool().query(`UPDATE table_slices SET lease_until = now() - interval '1 second' WHERE state = 'claimed'`);

/** A run that has claimed the first of two slices, whose lease has run out. */
async function claimed() {
  const runId = await startRun(fleet);
  await readTogether(pool(), runId, { vehicleIds: ['1', '2', '3'], ends: [4, 10] });
  const slot = slotOf(fleet, runId, 1);
  const slice = await slot.claimSlice();
  await expireLeases();
  return { runId, slot, slice, run: `fleet-sync/all@${runId}` };
}

test('a slice that is still being read keeps its place, with a new lease', async () => {
  const { runId, run, slice } = await claimed();
  running.add(run).add(tableSliceSyncWorkflowId({ runId, ...slice }));
  expect(await reconcile()).toMatchObject({ extended: 1, lost: 0, putBack: 0 });
  const { rows } = await pool().query(
    `SELECT lease_until > now() + interval '50 s' AS leased FROM table_slices WHERE state = 'claimed'`,
  );
  expect(rows).toEqual([{ leased: true }]);
});

test('a slice whose slot is gone goes back to the run that goes on, and its vehicles stay with it', async () => {
  const { runId, run } = await claimed();
  running.add(run);
  expect(await reconcile()).toMatchObject({ extended: 0, lost: 0, putBack: 1 });
  expect(await syncRow(pool(), runId, '1')).toMatchObject({ state: 'claimed' });
  expect(await slotOf(fleet, runId, 2).claimSlice()).toMatchObject({ number: 2 });
});

test('of a lost run no vehicle is left planned or claimed, and one that had arrived is completed', async () => {
  const { runId, slice } = await claimed();
  running.add(tableSliceSyncWorkflowId({ runId, ...slice }));
  // The slice still cleans up: its vehicles wait for it.
  expect(await reconcile()).toMatchObject({ extended: 1, lostRuns: [runId] });
  expect(await syncRow(pool(), runId, '1')).toMatchObject({ state: 'claimed' });

  await pool().query('UPDATE vehicle_syncs SET cursor_id = frozen_to_id WHERE vehicle_id = 2');
  running.clear();
  await expireLeases();
  expect(await reconcile()).toMatchObject({ lost: 1 });
  expect(await syncRow(pool(), runId, '1')).toMatchObject({ status: 'failed', failure_code: 'Lost' });
  expect(await syncRow(pool(), runId, '2')).toMatchObject({ status: 'completed' });
  const next = await startRun(fleet);
  expect(await slotOf(fleet, next, 1).claim()).toMatchObject({ vehicleId: '1' });
});

test('of a run that is lost between two slices the vehicles are lost, too', async () => {
  const { runId, slice, slot } = await claimed();
  await fleet.controlRun({ runId, paused: true });
  expect(await slot.ask(sliceEnded(slice))).toMatchObject({ kind: 'wait' });
  expect(await reconcile()).toMatchObject({ lost: 3, lostRuns: [runId] });
  expect(await syncRow(pool(), runId, '3')).toMatchObject({ status: 'failed', failure_code: 'Lost' });
  const { rows } = await pool().query(`SELECT DISTINCT state FROM table_slices`);
  expect(rows).toEqual([{ state: 'settled' }]);
});
