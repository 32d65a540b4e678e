import { beforeEach, describe, expect, test } from '@jest/globals';
import type { FleetActivities, VehicleOutcome } from '../../../../src/workflows/legacy-sync/activities.ts';
import { readCircuit } from '../../../../src/pool/circuit-store.ts';
import {
  addServer,
  completed,
  countingDeadlocks,
  fleetDatabase,
  failed,
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

describe('a worker slot', () => {
  test('claims, settles and claims on until the run is drained', async () => {
    await addServer(pool(), 'depot-1', { count: 2 });
    const runId = await startRun(fleet, { maxWorkers: 5 });
    const slot = slotOf(fleet, runId, 1);

    expect(await slot.ask()).toEqual({
      kind: 'vehicle',
      vehicle: { vehicleId: '1', label: 'bus 1', mode: 'delta', plannedRows: 10, timeoutMs: 600_000 },
      workers: 5,
    });
    expect(await syncRow(pool(), runId, '1')).toMatchObject({ state: 'claimed', status: 'idle', slot: 1 });
    expect(await slot.claim(completed('1'))).toMatchObject({ vehicleId: '2' });
    expect(await syncRow(pool(), runId, '1')).toMatchObject({
      state: 'settled',
      status: 'completed',
      lease_until: null,
    });
    expect(await slot.ask(failed('2', 'TableMissing'))).toEqual({ kind: 'retire', reason: 'drained', workers: 5 });
    expect(await syncRow(pool(), runId, '2')).toMatchObject({
      state: 'settled',
      status: 'failed',
      failure_code: 'TableMissing',
      failure_message: 'TableMissing in a test',
    });
    const { rows } = await pool().query('SELECT id FROM vehicles WHERE last_synced_at IS NOT NULL');
    expect(rows).toEqual([{ id: '1' }]);
  });

  test('gets the same claim when its answer was lost, and settles once', async () => {
    await addServer(pool(), 'depot-1', { count: 3 });
    const runId = await startRun(fleet);
    const slot = slotOf(fleet, runId, 1);
    await slot.claim();
    expect(await slot.repeat()).toMatchObject({ kind: 'vehicle', vehicle: { vehicleId: '1' } });

    const failure = failed('1', 'SshUnreachable');
    await slot.claim(failure);
    expect(await slot.repeat(failure)).toMatchObject({ kind: 'vehicle', vehicle: { vehicleId: '2' } });
    expect(await slot.repeat(failure)).toMatchObject({ kind: 'vehicle', vehicle: { vehicleId: '2' } });
    expect(await readCircuit(pool(), 'depot-1')).toMatchObject({ state: 'closed', failures: 1 });
    const { rows } = await pool().query(`SELECT count(*)::int AS claimed FROM vehicle_syncs WHERE state = 'claimed'`);
    expect(rows).toEqual([{ claimed: 1 }]);
  });

  test('settles with what the ledger proves, not with what the workflow remembers', async () => {
    await addServer(pool(), 'depot-1');
    const runId = await startRun(fleet);
    const slot = slotOf(fleet, runId, 1);
    await slot.claim();
    await pool().query(
      `INSERT INTO import_ledger (vehicle_id, run_id, from_id, watermark, to_id, sha256, rows, inserted, duplicates, quarantined, bytes)
       VALUES (1, $1, 1, 0, 6, repeat('0', 64), 6, 4, 1, 1, 600), (1, $1, 7, 6, 10, repeat('1', 64), 4, 4, 0, 0, 400)`,
      [runId],
    );
    await slot.ask(failed('1', 'VehicleTimeout'));
    expect(await syncRow(pool(), runId, '1')).toMatchObject({
      ranges: 2,
      rows: '10',
      inserted: '8',
      duplicates: '1',
      quarantined: '1',
      bytes: '1000',
    });
    expect(await fleet.finishRun({ runId, outcome: 'completed' })).toEqual({
      runId,
      state: 'failed',
      vehicles: 1,
      completed: 0,
      failed: 1,
      upToDate: 0,
      rows: 10,
      bytes: 1000,
      quarantined: 1,
    });
  });

  test('that is cancelled settles and claims nothing', async () => {
    await addServer(pool(), 'depot-1', { count: 2 });
    const runId = await startRun(fleet);
    const slot = slotOf(fleet, runId, 1);
    await slot.claim();
    const answer = await fleet.claimNext({
      runId,
      slot: 1,
      sequence: 2,
      settle: failed('1', 'Cancelled'),
      settleOnly: true,
    });
    expect(answer).toMatchObject({ kind: 'retire' });
    expect(await syncRow(pool(), runId, '1')).toMatchObject({ status: 'failed', failure_code: 'Cancelled' });
    expect(await syncRow(pool(), runId, '2')).toMatchObject({ state: 'planned' });
  });

  test('opened anew waits for the vehicle that its terminated predecessor left', async () => {
    await addServer(pool(), 'depot-1', { count: 2 });
    const runId = await startRun(fleet);
    await fleet.claimNext({ runId, slot: 1, sequence: 5, settle: null });
    expect(await fleet.claimNext({ runId, slot: 1, sequence: 1, settle: null })).toMatchObject({
      kind: 'wait',
      reason: 'vehicle 1 of an earlier worker in this slot is not settled yet',
    });
  });

  test('of a run that was never planned is refused', async () => {
    await expect(
      fleet.claimNext({ runId: '00000000-0000-4000-8000-000000000000', slot: 1, sequence: 1, settle: null }),
    ).rejects.toMatchObject({ code: 'NoClaim' });
  });
});

describe('the number of workers', () => {
  test('is the run’s own, else the setting, and is looked up at each claim', async () => {
    await addServer(pool(), 'depot-1', { count: 20 });
    const runId = await startRun(fleet, { maxWorkers: null });
    await pool().query('UPDATE sync_runs SET max_workers = NULL');
    expect(await slotOf(fleet, runId, 3).ask()).toMatchObject({ kind: 'vehicle', workers: 3 });
    expect(await slotOf(fleet, runId, 4).ask()).toEqual({ kind: 'retire', reason: 'limit', workers: 3 });
    await set(pool(), 'worker_pool.max_workers', 5);
    expect(await slotOf(fleet, runId, 4).ask()).toMatchObject({ kind: 'vehicle', workers: 5 });
    expect(await fleet.controlRun({ runId, maxWorkers: 2 })).toEqual({ workers: 2 });
    expect(await slotOf(fleet, runId, 5).ask()).toEqual({ kind: 'retire', reason: 'limit', workers: 2 });
  });

  test('opens no more slots than the run has vehicles left, whatever is set', async () => {
    await addServer(pool(), 'depot-1', { count: 4 });
    const runId = await startRun(fleet, { maxWorkers: 3 });
    const ask = (sequence: number, settle: VehicleOutcome | null = null) =>
      fleet.claimNext({ runId, slot: 1, sequence, settle, knownWorkers: 3 });
    expect(await ask(1)).not.toHaveProperty('slots');
    expect(await fleet.controlRun({ runId, maxWorkers: 1_000 })).toEqual({ workers: 4 });
    expect(await ask(2, completed('1'))).toMatchObject({ kind: 'vehicle', workers: 1_000, slots: 3 });
    await ask(3, completed('2'));
    await ask(4, completed('3'));
    expect(await ask(5, completed('4'))).toEqual({ kind: 'retire', reason: 'drained', workers: 1_000, slots: 0 });
    expect(await fleet.controlRun({ runId, maxWorkers: 999 })).toEqual({ workers: 0 });
  });

  test('is one where the pool is disabled', async () => {
    await addServer(pool(), 'depot-1', { count: 3 });
    const runId = await startRun(fleet, { maxWorkers: 5 });
    await set(pool(), 'worker_pool.enabled', false);
    expect(await slotOf(fleet, runId, 1).ask()).toMatchObject({ kind: 'vehicle', workers: 1 });
    expect(await slotOf(fleet, runId, 2).ask()).toEqual({ kind: 'retire', reason: 'limit', workers: 1 });
  });

  test('that shrinks still settles what the retired slot did', async () => {
    await addServer(pool(), 'depot-1', { count: 3 });
    const runId = await startRun(fleet, { maxWorkers: 5 });
    const slot = slotOf(fleet, runId, 5);
    await slot.claim();
    await fleet.controlRun({ runId, maxWorkers: 1 });
    expect(await slot.ask(completed('1'))).toEqual({ kind: 'retire', reason: 'limit', workers: 1 });
    expect(await syncRow(pool(), runId, '1')).toMatchObject({ status: 'completed' });
  });

  test('stays the last good one while a row of the settings is refused', async () => {
    await addServer(pool(), 'depot-1', { count: 3 });
    const runId = await startRun(fleet, { maxWorkers: 5 });
    await pool().query(`INSERT INTO system_settings (key, value, type, category)
      VALUES ('legacy_sync.worker_pool.max_worker', '50', 'number', 'legacy_sync')`);
    expect(await slotOf(fleet, runId, 1).ask()).toMatchObject({ kind: 'vehicle', workers: 5 });
    // A process that never read good settings does not guess.
    await expect(slotOf(fleetOf(pool()), runId, 2).ask()).rejects.toMatchObject({ code: 'InvalidSetting' });
  });
});

describe('pause', () => {
  test('stops claims and not settling; resume goes on', async () => {
    await addServer(pool(), 'depot-1', { count: 2 });
    const runId = await startRun(fleet);
    const slot = slotOf(fleet, runId, 1);
    await slot.claim();
    await fleet.controlRun({ runId, paused: true });
    await fleet.controlRun({ runId, paused: true });
    expect(await slot.ask(completed('1'))).toMatchObject({ kind: 'wait', reason: 'paused', retryInMs: 1_000 });
    expect(await syncRow(pool(), runId, '1')).toMatchObject({ status: 'completed' });
    await fleet.controlRun({ runId, paused: false });
    expect(await slot.ask()).toMatchObject({ kind: 'vehicle', vehicle: { vehicleId: '2' } });
    const { rows } = await pool().query(`SELECT action, subject, details FROM audit_log ORDER BY id`);
    expect(rows).toEqual([
      { action: 'run.controlled', subject: runId, details: { paused: { from: false, to: true } } },
      { action: 'run.controlled', subject: runId, details: { paused: { from: true, to: false } } },
    ]);
  });

  test.each([0, 1001, 1.5, Number.NaN])('a run cannot have %p workers', async (maxWorkers) => {
    await addServer(pool(), 'depot-1');
    const runId = await startRun(fleet);
    await expect(fleet.controlRun({ runId, maxWorkers })).rejects.toMatchObject({
      code: 'InvalidSetting',
      message: expect.stringContaining('a whole number from 1 to 1000'),
    });
  });
});

describe('many claimers at once', () => {
  /** Drives a run with `slots` slots as fast as it goes; what went wrong in a claim is thrown. */
  const drain = async (runId: string, slots: number, seen: string[]) => {
    await Promise.all(
      Array.from({ length: slots }, async (_, index) => {
        const slot = slotOf(fleet, runId, index + 1);
        for (let claim = await slot.ask(); claim.kind !== 'retire'; ) {
          if (claim.kind === 'wait') {
            await new Promise((resolve) => setTimeout(resolve, 20));
            claim = await slot.ask();
          } else if (claim.kind === 'vehicle') {
            seen.push(claim.vehicle.vehicleId);
            claim = await slot.ask(completed(claim.vehicle.vehicleId));
          }
        }
      }),
    );
  };

  test('two runs of twenty slots over the same vehicles of four servers: no deadlock, each vehicle once in each run, never above the limit', async () => {
    const limit = 3;
    for (let server = 1; server <= 4; server += 1) {
      await addServer(pool(), `depot-${server}`, {
        first: server * 100,
        count: 15,
        over: { limits: { maxConcurrentVehicles: limit } },
      });
    }
    const watched = countingDeadlocks(pool());
    fleet = fleetOf(watched.pool);
    const one = await startRun(fleet, { workflowId: 'fleet-sync/a' });
    const two = await startRun(fleet, { workflowId: 'fleet-sync/b' });
    let most = 0;
    let watching = true;
    const watcher = (async () => {
      while (watching) {
        const { rows } = await pool().query<{ most: number }>(
          `SELECT coalesce(max(n), 0)::int AS most FROM
             (SELECT count(*) AS n FROM vehicle_syncs WHERE state = 'claimed' GROUP BY server_id) AS counts`,
        );
        most = Math.max(most, rows[0]?.most ?? 0);
      }
    })();
    const seen = { one: [] as string[], two: [] as string[] };
    await Promise.all([drain(one, 20, seen.one), drain(two, 20, seen.two)]);
    watching = false;
    await watcher;

    for (const ids of Object.values(seen)) {
      expect(ids).toHaveLength(60);
      expect(new Set(ids).size).toBe(60);
    }
    expect(most).toBe(limit);
    expect(watched.deadlocks()).toBe(0);
    for (const runId of [one, two]) {
      expect(await fleet.finishRun({ runId, outcome: 'completed' })).toMatchObject({
        vehicles: 60,
        completed: 60,
        failed: 0,
      });
    }
  });
});
