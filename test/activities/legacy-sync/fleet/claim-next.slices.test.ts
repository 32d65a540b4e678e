import { beforeEach, describe, expect, test } from '@jest/globals';
import type { FleetActivities } from '../../../../src/workflows/legacy-sync/activities.ts';
import {
  addServer,
  completed,
  fleetDatabase,
  fleetOf,
  readTogether,
  set,
  sliceEnded,
  slotOf,
  startRun,
  syncRow,
} from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();

let fleet: FleetActivities;
beforeEach(async () => {
  await addServer(pool(), 'depot-1', { count: 4 });
  fleet = fleetOf(pool());
});

/** A run that reads these vehicles together, in two slices; each vehicle has 10 rows, up to id 10. */
async function startRead(vehicleIds = ['1', '2', '3', '4']): Promise<string> {
  const runId = await startRun(fleet);
  await readTogether(pool(), runId, { vehicleIds, ends: [4, 10] });
  return runId;
}

const failure = { code: 'ExportFailed', message: 'in a test' };
const sliceRows = async () =>
  (await pool().query('SELECT number, state, status, failure_code AS code FROM table_slices ORDER BY number')).rows;

describe('a slice', () => {
  test('is claimed from the lowest ids on, and the first claims the vehicles of its read', async () => {
    const runId = await startRead();
    const first = await slotOf(fleet, runId, 1).claimSlice();
    expect(first).toMatchObject({ serverId: 'depot-1', table: 'positions', number: 1, of: 2, plannedRows: 10 });
    expect(await slotOf(fleet, runId, 2).claimSlice()).toMatchObject({ number: 2, of: 2 });
    expect(await syncRow(pool(), runId, '3')).toMatchObject({ state: 'claimed', slot: null });
    expect(await slotOf(fleet, runId, 3).ask()).toMatchObject({ kind: 'retire', reason: 'drained' });
  });

  test('asked for twice under one number is one claim', async () => {
    const slot = slotOf(fleet, await startRead(), 1);
    const slice = await slot.claimSlice();
    expect(await slot.repeat()).toMatchObject({ kind: 'slice', slice });
  });

  test('is not for a slot of an earlier version, which knows vehicles only', async () => {
    const runId = await startRead();
    const claim = await fleet.claimNext({ runId, slot: 1, sequence: 1, settle: null });
    expect(claim).toMatchObject({ kind: 'wait' });
  });

  test('takes a place at its server, as a vehicle does', async () => {
    await set(pool(), 'server.max_concurrent_vehicles', 1);
    const runId = await startRead();
    const slice = await slotOf(fleet, runId, 1).claimSlice();
    const second = slotOf(fleet, runId, 2);
    expect(await second.ask()).toMatchObject({ kind: 'wait', reason: 'no free place at depot-1: 1 of 1' });
    expect(slice.number).toBe(1);
  });

  test('waits while the run is paused', async () => {
    const runId = await startRead();
    await fleet.controlRun({ runId, paused: true });
    expect(await slotOf(fleet, runId, 1).ask()).toMatchObject({ kind: 'wait', reason: 'paused' });
    await fleet.controlRun({ runId, paused: false });
    expect(await slotOf(fleet, runId, 2).claimSlice()).toMatchObject({ number: 1 });
  });

  test('comes after vehicles of a higher class that are read by themselves', async () => {
    await pool().query('UPDATE vehicles SET priority = 1 WHERE id = 4');
    const runId = await startRead(['1', '2', '3']);
    const slot = slotOf(fleet, runId, 1);
    expect(await slot.claim()).toMatchObject({ vehicleId: '4' });
    expect(await slot.claimSlice(completed('4'))).toMatchObject({ number: 1 });
  });

  test('that still runs under an earlier slot is asked for again later', async () => {
    const slot = slotOf(fleet, await startRead(), 1);
    const slice = await slot.claimSlice();
    const outcome = { ...sliceEnded(slice), result: 'already-running' as const };
    expect(await slot.claimSlice(outcome)).toMatchObject({ number: 2 });
    expect((await sliceRows())[0]).toMatchObject({ state: 'planned' });
  });
});

describe('a vehicle of a read', () => {
  test('that another run has claimed stays with itself, and the others do not wait for it', async () => {
    const other = await startRun(fleet);
    await slotOf(fleet, other, 1).claim();
    const runId = await startRead();
    await slotOf(fleet, runId, 1).claimSlice();
    expect(await syncRow(pool(), runId, '1')).toMatchObject({ state: 'planned', read_id: null });
    expect(await syncRow(pool(), runId, '2')).toMatchObject({ state: 'claimed' });
    await slotOf(fleet, runId, 2).claimSlice();
    expect(await slotOf(fleet, runId, 3).ask()).toMatchObject({ kind: 'wait', reason: `already running in ${other}` });
  });

  test('is nobody else’s while its read goes on', async () => {
    const runId = await startRead();
    await slotOf(fleet, runId, 1).claimSlice();
    const other = await startRun(fleet);
    expect(await slotOf(fleet, other, 1).ask()).toMatchObject({ kind: 'wait', reason: `already running in ${runId}` });
  });

  test('whose watermark was set back since planning is read by itself', async () => {
    await pool().query('UPDATE vehicles SET watermark = 5');
    const runId = await startRead();
    await pool().query('UPDATE vehicles SET watermark = 2 WHERE id = 3');
    await slotOf(fleet, runId, 1).claimSlice();
    expect(await syncRow(pool(), runId, '3')).toMatchObject({ state: 'planned', read_id: null });
    expect(await syncRow(pool(), runId, '4')).toMatchObject({ state: 'claimed' });
  });
});

describe('a slice that failed for good', () => {
  test('ends the slices that nobody has begun, and gives the vehicles back to be read by themselves', async () => {
    const runId = await startRead();
    const slot = slotOf(fleet, runId, 1);
    const slice = await slot.claimSlice();
    // One vehicle has all its rows: nothing of it is read again.
    await pool().query('UPDATE vehicle_syncs SET cursor_id = frozen_to_id WHERE vehicle_id = 2');
    const next = await slot.ask(sliceEnded(slice, failure));
    expect(next).toMatchObject({ kind: 'vehicle', vehicle: { vehicleId: '1' }, reopen: true });
    expect(await sliceRows()).toMatchObject([{ code: 'ExportFailed' }, { state: 'settled', code: 'ExportFailed' }]);
    expect(await syncRow(pool(), runId, '2')).toMatchObject({ status: 'completed' });
    expect(await syncRow(pool(), runId, '3')).toMatchObject({
      state: 'planned',
      read_id: null,
      failure_message: 'read by itself: a slice of its table failed',
    });
  });

  test('gives no vehicle back while another slice of its read is under way', async () => {
    const runId = await startRead();
    const [one, other] = [slotOf(fleet, runId, 1), slotOf(fleet, runId, 2)];
    const [first, second] = [await one.claimSlice(), await other.claimSlice()];
    expect(await one.ask(sliceEnded(first, failure))).toMatchObject({ kind: 'retire' });
    expect(await syncRow(pool(), runId, '1')).toMatchObject({ state: 'claimed' });
    expect(await other.ask(sliceEnded(second))).toMatchObject({ kind: 'vehicle', reopen: true });
  });
});

test('a server that cannot be used any more has none of its slices begun', async () => {
  const runId = await startRead();
  await pool().query(
    `UPDATE legacy_server_state SET breaker = '{"state": "held", "code": "SshAuthRejected", "changedAt": 0}'`,
  );
  expect(await slotOf(fleet, runId, 1).ask()).toMatchObject({ kind: 'retire', reason: 'drained' });
  expect(await sliceRows()).toMatchObject([{ code: 'CircuitOpen' }, { code: 'CircuitOpen' }]);
  expect(await syncRow(pool(), runId, '4')).toMatchObject({ status: 'failed', failure_code: 'CircuitOpen' });
});
