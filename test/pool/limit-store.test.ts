import { beforeEach, describe, expect, test } from '@jest/globals';
import { createLimitStore, noteHostLoad } from '../../src/pool/limit-store.ts';
import { readLimitChanges } from '../../src/records/limit-changes.ts';
import { readServerPlaces } from '../../src/records/server-places.ts';
import { readSettings } from '../../src/records/settings.ts';
import type { FleetActivities } from '../../src/workflows/legacy-sync/activities.ts';
import {
  addServer,
  completed,
  failed,
  fleetDatabase,
  fleetOf,
  readTogether,
  set,
  slotOf,
  sliceEnded,
  startRun,
} from '../support/fleet-fixture.ts';

const pool = fleetDatabase();
let fleet: FleetActivities;

beforeEach(async () => {
  fleet = fleetOf(pool());
});

/** As if the vehicle or slice had been worked on for so long, and had brought so many rows. */
const worked = (ms: number, rows = 1_000): Promise<unknown> =>
  pool().query(`UPDATE vehicle_syncs SET worked_ms = $1, rows = $2 WHERE state = 'claimed'`, [ms, rows]);
const placesOf = async (id: string) => {
  const places = await readServerPlaces(pool(), await readSettings(pool()), id);
  return places[0]!;
};
const changes = async (id = 'depot-1') =>
  (await readLimitChanges(pool(), { serverId: id, limit: 100 })).map(({ from, to, reason }) => ({ from, to, reason }));
const limitTo = (limit: number, over: object = {}): Promise<unknown> =>
  pool().query(`UPDATE legacy_server_state SET adaptive = $1`, [
    {
      limit: {
        limit,
        phase: 'held',
        samples: [],
        used: 0,
        held: 0,
        tryAfter: 24,
        setAside: [],
        triedFrom: 1,
        troubleAt: null,
        troubledAt: 0,
        changedAt: 0,
        ...over,
      },
      flights: { sum: 0, at: 0, begun: {} },
    },
  ]);

test('off, the fixed number holds, and nothing is kept', async () => {
  await addServer(pool(), 'depot-1', { count: 5, over: { limits: { maxConcurrentVehicles: 3 } } });
  const runId = await startRun(fleet);
  for (const slot of [1, 2, 3]) await slotOf(fleet, runId, slot).claim();
  expect(await slotOf(fleet, runId, 4).ask()).toMatchObject({ reason: 'no free place at depot-1: 3 of 3' });
  await createLimitStore(pool(), await settingsNow()).attemptFailed(
    { serverId: 'depot-1', runId, key: 'x' },
    { code: 'SshSessionRefused', tookMs: 5 },
  );
  const { rows } = await pool().query('SELECT adaptive FROM legacy_server_state');
  expect(rows).toEqual([{ adaptive: null }]);
  expect(await placesOf('depot-1')).toEqual({
    serverId: 'depot-1',
    inFlight: 3,
    limit: 3,
    fixedLimit: 3,
    adaptive: null,
  });
});

const settingsNow = async () => {
  const settings = await readSettings(pool());
  return () => settings;
};

describe('where the limit adapts', () => {
  beforeEach(() => set(pool(), 'adaptive.enabled', true));

  test('one vehicle is claimed, then more as long as they are no slower, up to the fixed number', async () => {
    await addServer(pool(), 'depot-1', { count: 40, over: { limits: { maxConcurrentVehicles: 4 } } });
    const runId = await startRun(fleet);
    const slots = [1, 2, 3, 4, 5].map((slot) => slotOf(fleet, runId, slot));
    const held = new Map<number, string>([[0, (await slots[0]!.claim()).vehicleId]]);
    expect(await slots[1]!.ask()).toMatchObject({
      kind: 'wait',
      reason: 'no free place at depot-1: 1 of 1, which adapts up to 4',
    });
    let most = 0;
    for (let round = 0; round < 6; round += 1) {
      for (const [index, slot] of slots.entries()) {
        const settled = held.get(index);
        await worked(100);
        const claim = await slot.ask(settled === undefined ? null : completed(settled));
        if (claim.kind === 'vehicle') held.set(index, claim.vehicle.vehicleId);
        else held.delete(index);
      }
      most = Math.max(most, held.size);
    }
    expect(most).toBe(4);
    expect((await changes()).toReversed()).toEqual([
      { from: 1, to: 2, reason: '1 in flight were no slower than fewer' },
      { from: 2, to: 4, reason: '2 in flight were no slower than fewer' },
    ]);
    expect(await placesOf('depot-1')).toMatchObject({ limit: 4, fixedLimit: 4, adaptive: { phase: 'held' } });
  });

  test('a failed attempt that is tried again shrinks it at once, and claims follow', async () => {
    await addServer(pool(), 'depot-1', { count: 10 });
    await limitTo(4);
    const runId = await startRun(fleet);
    const slots = [1, 2, 3, 4].map((slot) => slotOf(fleet, runId, slot));
    for (const slot of slots) await slot.claim();
    const store = createLimitStore(pool(), await settingsNow());
    await store.attemptFailed(
      { serverId: 'depot-1', runId, key: 'a' },
      { code: 'LegacyDatabaseUnavailable', tookMs: 5 },
    );
    await store.attemptFailed(
      { serverId: 'depot-1', runId, key: 'b' },
      { code: 'LegacyDatabaseUnavailable', tookMs: 60_000 },
    );
    expect(await changes()).toEqual([{ from: 4, to: 2, reason: 'LegacyDatabaseUnavailable with 4 in flight' }]);
    await worked(100);
    expect(await slots[0]!.ask(completed('1'))).toMatchObject({
      kind: 'wait',
      reason: 'no free place at depot-1: 3 of 2, which adapts up to 8 (LegacyDatabaseUnavailable with 4 in flight)',
    });
  });

  test('a vehicle that timed out shrinks it with its own settlement; one whose table is missing does not', async () => {
    await addServer(pool(), 'depot-1', { count: 10 });
    await limitTo(2);
    const runId = await startRun(fleet);
    const [one, two] = [slotOf(fleet, runId, 1), slotOf(fleet, runId, 2)];
    const first = await one.claim();
    const second = await two.claim();
    await one.claim(failed(first.vehicleId, 'TableMissing'));
    expect(await changes()).toEqual([]);
    expect(await two.ask(failed(second.vehicleId, 'VehicleTimeout'))).toMatchObject({ kind: 'wait' });
    expect(await changes()).toEqual([{ from: 2, to: 1, reason: 'VehicleTimeout with 2 in flight' }]);
  });

  test('shrinks by a quarter when the host says that it is overloaded, and not by what it said a while ago', async () => {
    await addServer(pool(), 'depot-1', { count: 10 });
    await limitTo(4);
    const runId = await startRun(fleet);
    const slot = slotOf(fleet, runId, 1);
    let { vehicleId } = await slot.claim();
    await noteHostLoad(pool(), 'depot-1', { loadPerCore: 2.5, threadsRunning: 3 });
    // A streamed dump has no client to ask the database with: what it said before stays.
    await noteHostLoad(pool(), 'depot-1', { loadPerCore: 1, threadsRunning: null });
    await worked(100);
    ({ vehicleId } = await slot.claim(completed(vehicleId)));
    expect(await changes()).toEqual([]);
    await noteHostLoad(pool(), 'depot-1', { loadPerCore: 1, threadsRunning: 33 });
    await worked(100);
    ({ vehicleId } = await slot.claim(completed(vehicleId)));
    expect(await changes()).toEqual([{ from: 4, to: 3, reason: '33 threads run in its database' }]);
    await pool().query(
      `UPDATE legacy_server_state SET host_load = host_load || jsonb_build_object('at', (host_load ->> 'at')::float8 - 61000)`,
    );
    await worked(100);
    await slot.claim(completed(vehicleId));
    expect(await changes()).toHaveLength(1);
  });

  test('slices of a table count as vehicles do', async () => {
    await addServer(pool(), 'depot-1', { count: 3 });
    const runId = await startRun(fleet);
    await readTogether(pool(), runId, { vehicleIds: ['1', '2', '3'], ends: [10, 20, 30, 40] });
    const one = slotOf(fleet, runId, 1);
    let slice = await one.claimSlice();
    expect(await slotOf(fleet, runId, 2).ask()).toMatchObject({
      reason: 'no free place at depot-1: 1 of 1, which adapts up to 8',
    });
    for (const _ of [1, 2]) {
      await pool().query(`UPDATE table_slices SET worked_ms = 100, rows = 10, inserted = 10 WHERE state = 'claimed'`);
      slice = await one.claimSlice(sliceEnded(slice));
    }
    expect(await changes()).toEqual([{ from: 1, to: 2, reason: '1 in flight were no slower than fewer' }]);
  });

  test('each server has its own: trouble at one leaves another alone, and its vehicles take the slots', async () => {
    await addServer(pool(), 'depot-1', { first: 1, count: 6 });
    await addServer(pool(), 'depot-2', { first: 11, count: 6 });
    await limitTo(4);
    const runId = await startRun(fleet);
    await createLimitStore(pool(), await settingsNow()).attemptFailed(
      { serverId: 'depot-1', runId, key: 'a' },
      { code: 'SshSessionRefused', tookMs: 5 },
    );
    const claimed: string[] = [];
    for (const slot of [1, 2, 3, 4, 5]) claimed.push((await slotOf(fleet, runId, slot).claim()).vehicleId);
    expect(claimed).toEqual(['1', '11', '12', '13', '14']);
  });

  test('a slot that a server in trouble keeps is replaced as long as it does: the other two have as many slots as without it', async () => {
    await addServer(pool(), 'depot-1', { first: 1, count: 4 });
    await addServer(pool(), 'depot-2', { first: 11, count: 20 });
    await addServer(pool(), 'depot-3', { first: 31, count: 20 });
    await limitTo(4);
    await pool().query('UPDATE vehicles SET priority = 1 WHERE id = 1');
    const runId = await startRun(fleet, { maxWorkers: 3 });
    const slots = [1, 2, 3, 4, 5].map((slot) => slotOf(fleet, runId, slot));
    const stuck = await slots[0]!.claim();
    const store = createLimitStore(pool(), await settingsNow());
    const trouble = { serverId: 'depot-1', runId, key: 'a' };
    await store.attemptFailed(trouble, { code: 'TransferStalled', tookMs: 5 });
    // The first to claim tells the run of the slot that is to be opened.
    expect(await slots[1]!.ask()).toMatchObject({ kind: 'vehicle', workers: 4 });
    const held = new Map<number, string>();
    let most = 0;
    for (const [index, slot] of slots.slice(1).entries()) {
      const claim = index === 0 ? await slot.repeat() : await slot.ask();
      if (claim.kind === 'vehicle') held.set(index, claim.vehicle.vehicleId);
      else expect(claim).toMatchObject({ kind: 'retire', reason: 'limit' });
      most = Math.max(most, held.size);
    }
    expect({ stuck: stuck.vehicleId, most }).toEqual({ stuck: '1', most: 3 });
    expect([...held.values()].every((id) => Number(id) > 10)).toBe(true);
    // The server has got over it: there is no slot too many.
    await worked(100);
    expect(await slots[0]!.ask(completed('1'))).toMatchObject({ kind: 'vehicle' });
    expect(await slots[3]!.ask(completed(held.get(2)!))).toMatchObject({ kind: 'retire', reason: 'limit', workers: 3 });
  });
});
