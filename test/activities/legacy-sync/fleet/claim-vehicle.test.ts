import { beforeEach, describe, expect, test } from '@jest/globals';
import type { FleetActivities } from '../../../../src/workflows/legacy-sync/activities.ts';
import { closeCircuit, readCircuit } from '../../../../src/pool/circuit-store.ts';
import {
  addServer,
  alreadyRunning,
  completed,
  fleetDatabase,
  failed,
  fakePlanner,
  fleetOf,
  set,
  slotOf,
  startRun,
  syncRow,
} from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();

let fleet: FleetActivities;

beforeEach(async () => {
  fleet = fleetOf(pool());
});

describe('the places of a legacy server', () => {
  test('hold over runs and slots; a waiting slot is told which server is full', async () => {
    await addServer(pool(), 'depot-1', { count: 6, over: { limits: { maxConcurrentVehicles: 2 } } });
    const one = await startRun(fleet, {
      selection: { kind: 'list', vehicleIds: ['1', '2', '3'] },
      workflowId: 'fleet-sync/a',
    });
    const two = await startRun(fleet, {
      selection: { kind: 'list', vehicleIds: ['4', '5', '6'] },
      workflowId: 'fleet-sync/b',
    });
    await slotOf(fleet, one, 1).claim();
    await slotOf(fleet, two, 1).claim();
    expect(await slotOf(fleet, one, 2).ask()).toEqual({
      kind: 'wait',
      reason: 'no free place at depot-1: 2 of 2',
      retryInMs: 1_000,
      workers: 100,
    });
    // An old lease is no free place: the vehicle may be worked on all the same.
    await pool().query(`UPDATE vehicle_syncs SET lease_until = now() - interval '1 hour' WHERE state = 'claimed'`);
    expect(await slotOf(fleet, two, 2).ask()).toMatchObject({
      kind: 'wait',
      reason: 'no free place at depot-1: 2 of 2',
    });
  });

  test('go to a vehicle that was asked for by hand, as soon as one of a full pool is free', async () => {
    await addServer(pool(), 'depot-1', { count: 9, over: { limits: { maxConcurrentVehicles: 2 } } });
    const night = await startRun(fleet, { selection: { kind: 'priority', atLeast: 0 } });
    const slots = [1, 2, 3].map((slot) => slotOf(fleet, night, slot));
    const [first] = [await slots[0]!.claim(), await slots[1]!.claim()];
    const hand = await startRun(fleet, {
      selection: { kind: 'list', vehicleIds: ['9'] },
      workflowId: 'fleet-sync/9',
      maxWorkers: 1,
    });
    const asked = slotOf(fleet, hand, 1);
    expect(await asked.ask()).toMatchObject({ kind: 'wait', reason: 'no free place at depot-1: 2 of 2' });
    expect(await slots[0]!.ask(completed(first.vehicleId))).toMatchObject({
      kind: 'wait',
      reason: 'no free place at depot-1: 1 of 2, and 1 kept for vehicles asked for by hand',
    });
    expect(await slots[2]!.ask()).toMatchObject({ kind: 'wait' });
    expect(await asked.claim()).toMatchObject({ vehicleId: '9' });
    await asked.ask(completed('9'));
    expect(await slots[0]!.claim()).toMatchObject({ vehicleId: '3' });
  });

  test('are not kept for a slot that asks no more, nor for a vehicle that is in flight already', async () => {
    await addServer(pool(), 'depot-1', { count: 9, over: { limits: { maxConcurrentVehicles: 2 } } });
    const night = await startRun(fleet, { selection: { kind: 'priority', atLeast: 0 } });
    const [one, two] = [slotOf(fleet, night, 1), slotOf(fleet, night, 2)];
    await one.claim();
    await two.claim();
    const hand = (id: string): Promise<string> =>
      startRun(fleet, { selection: { kind: 'list', vehicleIds: [id] }, workflowId: `fleet-sync/${id}` });
    expect(await slotOf(fleet, await hand('1'), 1).ask()).toMatchObject({ kind: 'wait' });
    expect(await two.claim(completed('2'))).toMatchObject({ vehicleId: '3' });
    expect(await slotOf(fleet, await hand('9'), 1).ask()).toMatchObject({ kind: 'wait' });
    await pool().query(`UPDATE place_requests SET asked_at = asked_at - interval '6 s'`);
    expect(await two.claim(completed('3'))).toMatchObject({ vehicleId: '4' });
  });

  test('are one in quiet hours, which no full sync goes on in', async () => {
    const limits = { quietHours: '00:00-12:00 UTC,12:00-00:00 UTC' };
    await addServer(pool(), 'depot-1', { first: 1, count: 4, over: { limits } });
    await addServer(pool(), 'depot-2', { first: 11, count: 4 });
    const delta = await startRun(fleet, { selection: { kind: 'list', vehicleIds: ['1', '2'] } });
    await slotOf(fleet, delta, 1).claim();
    expect(await slotOf(fleet, delta, 2).ask()).toMatchObject({
      kind: 'wait',
      reason: 'no free place at depot-1: 1 of 1 in its quiet hours',
    });
    const full = await startRun(fleet, {
      selection: { kind: 'list', vehicleIds: ['3', '11'] },
      mode: 'full',
      workflowId: 'fleet-sync/full',
    });
    expect(await slotOf(fleet, full, 1).claim()).toMatchObject({ vehicleId: '11' });
    expect(await slotOf(fleet, full, 2).ask()).toMatchObject({ reason: 'quiet hours at depot-1, no full sync' });
  });

  test('follow the setting where the server has no limit of its own, and one full server does not stop another', async () => {
    await addServer(pool(), 'depot-1', { first: 1, count: 3 });
    await addServer(pool(), 'depot-2', { first: 11, count: 1 });
    await set(pool(), 'server.max_concurrent_vehicles', 1);
    const runId = await startRun(fleet);
    expect(await slotOf(fleet, runId, 1).claim()).toMatchObject({ vehicleId: '1' });
    expect(await slotOf(fleet, runId, 2).claim()).toMatchObject({ vehicleId: '11' });
    expect(await slotOf(fleet, runId, 3).ask()).toMatchObject({ reason: 'no free place at depot-1: 1 of 1' });
  });
});

describe('which vehicle is next', () => {
  const order = async (): Promise<string[]> => {
    const runId = await startRun(fleet);
    const slot = slotOf(fleet, runId, 1);
    const ids: string[] = [];
    for (let claim = await slot.ask(); claim.kind === 'vehicle'; ) {
      ids.push(claim.vehicle.vehicleId);
      claim = await slot.ask(completed(claim.vehicle.vehicleId));
    }
    return ids;
  };

  test('priority first, then the larger backlog, then the id', async () => {
    fleet = fleetOf(pool(), {
      planner: fakePlanner((id) => ({ '1': 10, '2': 500, '3': 500, '4': 1, '5': 70 })[id] ?? 1),
    });
    await addServer(pool(), 'depot-1', { count: 5 });
    await pool().query('UPDATE vehicles SET priority = 2 WHERE id = 4');
    expect(await order()).toEqual(['4', '2', '3', '5', '1']);
  });

  test('a vehicle that waited long enough overtakes a higher class', async () => {
    fleet = fleetOf(pool(), { planner: fakePlanner((id) => (id === '2' ? 1 : 100)) });
    await addServer(pool(), 'depot-1', { count: 3 });
    await pool().query(`UPDATE vehicles SET priority = 5, last_synced_at = now() WHERE id IN (1, 3)`);
    await pool().query(`UPDATE vehicles SET last_synced_at = now() - interval '5 days 1 hour' WHERE id = 2`);
    // Five days are five classes: level with the others, and smaller.
    expect(await order()).toEqual(['1', '3', '2']);
    await pool().query(`UPDATE vehicles SET last_synced_at = now() WHERE id IN (1, 3)`);
    await pool().query(`UPDATE vehicles SET last_synced_at = now() - interval '6 days 1 hour' WHERE id = 2`);
    expect(await order()).toEqual(['2', '1', '3']);
  });
});

describe('a vehicle that another run holds', () => {
  test('is passed over, waited for, and then synced from where the other run left it', async () => {
    await addServer(pool(), 'depot-1', { count: 2 });
    const one = await startRun(fleet, { workflowId: 'fleet-sync/a' });
    const two = await startRun(fleet, { workflowId: 'fleet-sync/b' });
    const first = slotOf(fleet, one, 1);
    const second = slotOf(fleet, two, 1);
    expect(await first.claim()).toMatchObject({ vehicleId: '1' });
    expect(await second.claim()).toMatchObject({ vehicleId: '2' });
    expect(await second.ask(completed('2'))).toMatchObject({ kind: 'wait', reason: `already running in ${one}` });
    await pool().query('UPDATE vehicles SET watermark = 10 WHERE id = 1');
    await first.ask(completed('1'));
    expect(await second.claim()).toMatchObject({ vehicleId: '1' });
    expect(await syncRow(pool(), two, '1')).toMatchObject({ cursor_id: '10', frozen_to_id: '10' });
  });

  test('goes back to the end of the run when its workflow turned out to be running', async () => {
    await set(pool(), 'worker_pool.claim_poll_ms', 200);
    await addServer(pool(), 'depot-1', { count: 3 });
    await pool().query('UPDATE vehicles SET priority = 9 WHERE id = 1');
    const runId = await startRun(fleet);
    const slot = slotOf(fleet, runId, 1);
    expect(await slot.claim()).toMatchObject({ vehicleId: '1' });
    expect(await slot.claim(alreadyRunning('1'))).toMatchObject({ vehicleId: '2' });
    expect(await syncRow(pool(), runId, '1')).toMatchObject({
      state: 'planned',
      status: 'idle',
      slot: null,
      deferrals: 1,
      failure_code: null,
      failure_message: 'already running in a sync outside every run',
    });
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(await slot.claim(completed('2'))).toMatchObject({ vehicleId: '3' });
    expect(await slot.claim(completed('3'))).toMatchObject({ vehicleId: '1' });
    // The second time it is looked at twice as late, and until then the slot waits instead of retiring.
    expect(await slot.ask(alreadyRunning('1'))).toMatchObject({
      kind: 'wait',
      reason: 'already running in a sync outside every run',
      retryInMs: 200,
    });
    expect(await syncRow(pool(), runId, '1')).toMatchObject({ deferrals: 2 });
  });
});

describe('the circuit of a legacy server', () => {
  const failRepeatedly = async (runId: string, slotNumber: number, code: string, times: number) => {
    const slot = slotOf(fleet, runId, slotNumber);
    let vehicle = await slot.claim();
    for (let failures = 1; failures < times; failures += 1) vehicle = await slot.claim(failed(vehicle.vehicleId, code));
    return slot.ask(failed(vehicle.vehicleId, code));
  };

  test('opens after the failures the setting says, and lets one, two, four vehicles try before it closes', async () => {
    await set(pool(), 'server.breaker_failures', 2);
    await set(pool(), 'server.breaker_open_ms', 300);
    await addServer(pool(), 'depot-1', { count: 20 });
    const runId = await startRun(fleet);
    const refused = await failRepeatedly(runId, 1, 'SshUnreachable', 2);
    expect(refused).toMatchObject({
      kind: 'wait',
      reason: expect.stringMatching(/^circuit of depot-1 is open until .* after SshUnreachable$/),
    });

    await new Promise((resolve) => setTimeout(resolve, 350));
    const slots = Array.from({ length: 8 }, (_, index) => slotOf(fleet, runId, index + 1));
    const tryAll = async () => {
      const claims = await Promise.all(slots.map((slot) => slot.ask()));
      return claims.flatMap((claim, index) =>
        claim.kind === 'vehicle' ? [{ slot: slots[index]!, id: claim.vehicle.vehicleId }] : [],
      );
    };
    const settleOnly = async (probes: Awaited<ReturnType<typeof tryAll>>) => {
      await fleet.controlRun({ runId, paused: true });
      for (const { slot, id } of probes) await slot.ask(completed(id));
      await fleet.controlRun({ runId, paused: false });
    };
    for (const allowed of [1, 2, 4]) {
      const probes = await tryAll();
      expect(probes).toHaveLength(allowed);
      await settleOnly(probes);
    }
    expect(await readCircuit(pool(), 'depot-1')).toMatchObject({ state: 'closed' });
    expect(await tryAll()).toHaveLength(8);
  });

  test('is not opened by failures of vehicles', async () => {
    await set(pool(), 'server.breaker_failures', 1);
    await addServer(pool(), 'depot-1', { count: 5 });
    const runId = await startRun(fleet);
    expect(await failRepeatedly(runId, 1, 'TableMissing', 3)).toMatchObject({ kind: 'vehicle' });
  });

  test('is held by a changed host key: the vehicles left fail at once, another server goes on, an operator closes it', async () => {
    await addServer(pool(), 'depot-1', { first: 1, count: 4 });
    await addServer(pool(), 'depot-2', { first: 11, count: 1 });
    const runId = await startRun(fleet);
    const slot = slotOf(fleet, runId, 1);
    await slot.claim();
    expect(await slot.claim(failed('1', 'HostKeyMismatch'))).toMatchObject({ vehicleId: '11' });
    expect(await syncRow(pool(), runId, '3')).toMatchObject({
      status: 'failed',
      failure_code: 'CircuitOpen',
      failure_message: expect.stringMatching(
        /^Not started: circuit of depot-1 is held since .* because of HostKeyMismatch/,
      ),
    });
    expect(await slot.ask(completed('11'))).toMatchObject({ kind: 'retire', reason: 'drained' });

    // A run that is planned meanwhile does not even ask the host.
    let asked = 0;
    const careful = fleetOf(pool(), {
      planner: fakePlanner(
        () => 5,
        ({ server }) => void (asked += server.id === 'depot-1' ? 1 : 0),
      ),
    });
    const next = await startRun(careful);
    expect(asked).toBe(0);
    expect(await syncRow(pool(), next, '1')).toMatchObject({ status: 'failed', failure_code: 'CircuitOpen' });

    await closeCircuit(pool(), 'depot-1', { actor: 'ann', reason: 'key rotated' });
    const { rows } = await pool().query(`SELECT actor, action, subject, reason FROM audit_log`);
    expect(rows).toEqual([{ actor: 'ann', action: 'breaker.closed', subject: 'depot-1', reason: 'key rotated' }]);
    const last = await startRun(careful, { selection: { kind: 'list', vehicleIds: ['1'] } });
    expect(asked).toBe(1);
    expect(await slotOf(fleet, last, 1).claim()).toMatchObject({ vehicleId: '1' });
  });

  test('open for longer than work on a vehicle may take ends the run’s wait', async () => {
    await set(pool(), 'server.breaker_failures', 1);
    await addServer(pool(), 'depot-1', { count: 3 });
    const runId = await startRun(fleet);
    const slot = slotOf(fleet, runId, 1);
    await slot.claim();
    expect(await slot.ask(failed('1', 'SshUnreachable'))).toMatchObject({ kind: 'wait' });
    await set(pool(), 'worker_pool.worker_timeout_ms', 1);
    expect(await slot.ask()).toMatchObject({ kind: 'retire', reason: 'drained' });
    expect(await syncRow(pool(), runId, '3')).toMatchObject({ status: 'failed', failure_code: 'CircuitOpen' });
  });
});
