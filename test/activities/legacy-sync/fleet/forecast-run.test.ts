import { describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { readRun } from '../../../../src/records/sync-runs.ts';
import type { FleetActivities } from '../../../../src/workflows/legacy-sync/activities.ts';
import {
  addServer,
  completed,
  fakePlanner,
  fleetDatabase,
  fleetOf,
  set,
  slotOf,
  startRun,
} from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();
/** Of vehicles 1 to 6; by these two costs they take 300 to 2,100 ms. */
const ROWS = [1_000, 2_000, 4_000, 6_000, 8_000, 10_000];
const rowsOf = (vehicleId: string): number => ROWS[Number(vehicleId) - 1]!;
const trueMs = (rows: number): number => 100 + 0.2 * rows;
const ALL_MS = ROWS.reduce((sum, rows) => sum + trueMs(rows), 0);

interface ForecastRow {
  known: boolean;
  p50_ms: number;
  p90_ms: number;
  work_ms: number;
  slots: number | null;
  actual_ms: number | null;
}

async function forecastOf(runId: string): Promise<ForecastRow> {
  const { rows } = await pool().query<ForecastRow>('SELECT * FROM run_forecasts WHERE run_id = $1', [runId]);
  if (!rows[0]) throw new Error(`no forecast of ${runId}`);
  return rows[0];
}

/** Lets time have passed: a test that waits for it would be slow, and no more exact. */
const letPass = (runId: string, ms: number): Promise<unknown> =>
  pool().query(`UPDATE run_forecasts SET made_at = made_at - $2 * interval '1 ms' WHERE run_id = $1`, [runId, ms]);

const tookSoLong = (database: pg.Pool, runId: string, vehicleId: string): Promise<unknown> =>
  database.query(
    `UPDATE vehicle_syncs SET claimed_at = clock_timestamp() - $3 * interval '1 ms' WHERE run_id = $1 AND vehicle_id = $2`,
    [runId, vehicleId, trueMs(rowsOf(vehicleId))],
  );

/** One slot goes through the run, and each vehicle takes what it truly does. */
async function goThrough(fleet: FleetActivities, runId: string): Promise<void> {
  const slot = slotOf(fleet, runId, 1);
  let claim = await slot.ask();
  while (claim.kind === 'vehicle') {
    const { vehicleId } = claim.vehicle;
    await tookSoLong(pool(), runId, vehicleId);
    claim = await slot.ask(completed(vehicleId));
  }
  await letPass(runId, ALL_MS);
  await fleet.finishRun({ runId, outcome: 'completed' });
}

async function fleetWithHistory(runs: number): Promise<FleetActivities> {
  await addServer(pool(), 'depot-1', { count: ROWS.length });
  const fleet = fleetOf(pool(), { planner: fakePlanner(rowsOf) });
  for (let run = 0; run < runs; run += 1) await goThrough(fleet, await startRun(fleet, { maxWorkers: 1 }));
  return fleet;
}

describe('the forecast of a run', () => {
  test('is kept when it is planned and its outcome when it is finished; the second one is near', async () => {
    const fleet = await fleetWithHistory(1);
    const runId = await startRun(fleet, { maxWorkers: 1 });
    const made = await forecastOf(runId);
    expect(made).toMatchObject({ known: true, actual_ms: null, slots: null });
    expect(made.p90_ms).toBeGreaterThanOrEqual(made.p50_ms);
    await goThrough(fleet, runId);
    const { actual_ms: actual } = await forecastOf(runId);
    expect(Math.abs(made.work_ms / ALL_MS - 1)).toBeLessThan(0.3);
    // The runs begin and end in some tens of milliseconds of their own, on top of what is let pass.
    expect(Math.abs(made.p50_ms / actual! - 1)).toBeLessThan(0.6);
  });

  test('takes a limit that adapts as it is now', async () => {
    const fleet = await fleetWithHistory(1);
    const forecast = async (limit: number) => {
      await pool().query('UPDATE legacy_server_state SET adaptive = $1', [{ limit: { limit, phase: 'held' } }]);
      const runId = await startRun(fleet, { maxWorkers: 6 });
      const made = await forecastOf(runId);
      await fleet.finishRun({ runId, outcome: 'cancelled' });
      return made.p50_ms / made.work_ms;
    };
    expect(await forecast(1)).toBeLessThan(0.5);
    await set(pool(), 'adaptive.enabled', true);
    expect(await forecast(1)).toBeCloseTo(1, 6);
    expect(await forecast(3)).toBeLessThan(0.5);
  });

  test('tells nothing while a server is not known, and is kept all the same', async () => {
    const fleet = await fleetWithHistory(0);
    const runId = await startRun(fleet);
    expect(await forecastOf(runId)).toMatchObject({ known: false });
    expect(await readRun(pool(), runId)).toMatchObject({ eta: null });
  });

  test('is made once, however often the run is planned, and learned from once', async () => {
    const fleet = await fleetWithHistory(1);
    const samples = async (): Promise<unknown> =>
      (await pool().query(`SELECT cost -> 'samples' AS samples FROM server_costs`)).rows;
    expect(await samples()).toEqual([{ samples: ROWS.length }]);
    const { rows } = await pool().query<{ run_id: string }>('SELECT run_id FROM sync_runs');
    const runId = rows[0]!.run_id;
    const before = await forecastOf(runId);
    await fleet.planRun({
      runId,
      workflowId: 'fleet-sync/all',
      selection: { kind: 'all' },
      mode: 'delta',
      requestedBy: 'test',
      maxWorkers: 1,
    });
    await pool().query(`UPDATE sync_runs SET state = 'lost'`);
    await fleet.finishRun({ runId, outcome: 'completed' });
    expect(await samples()).toEqual([{ samples: ROWS.length }]);
    expect(await forecastOf(runId)).toEqual(before);
  });

  test('is not measured by a run that was paused', async () => {
    const fleet = await fleetWithHistory(1);
    const runId = await startRun(fleet, { maxWorkers: 1 });
    await fleet.controlRun({ runId, paused: true });
    await letPass(runId, 3_600_000);
    await fleet.controlRun({ runId, paused: false });
    await goThrough(fleet, runId);
    const { p50_ms: p50, p90_ms: p90 } = await forecastOf(await startRun(fleet, { maxWorkers: 1 }));
    // As careful as without any earlier run.
    expect(p90 / p50).toBeCloseTo(2);
  });
});

describe('the time that is left', () => {
  test('has a p90, shrinks with the work, and is none when the run has ended', async () => {
    const fleet = await fleetWithHistory(1);
    const runId = await startRun(fleet, { maxWorkers: 1 });
    const { eta: atStart } = await readRun(pool(), runId);
    expect(atStart!.p50Ms).toBeGreaterThan(0);
    expect(atStart!.p90Ms).toBeGreaterThanOrEqual(atStart!.p50Ms);
    const slot = slotOf(fleet, runId, 1);
    const first = await slot.claim();
    await tookSoLong(pool(), runId, first.vehicleId);
    await slot.claim(completed(first.vehicleId));
    const { eta: later } = await readRun(pool(), runId);
    expect(later!.p50Ms).toBeLessThan(atStart!.p50Ms);
    await fleet.finishRun({ runId, outcome: 'cancelled' });
    expect(await readRun(pool(), runId)).toMatchObject({ eta: null });
  });

  test('is not told while the run is paused', async () => {
    const fleet = await fleetWithHistory(1);
    const runId = await startRun(fleet, { maxWorkers: 1 });
    await fleet.controlRun({ runId, paused: true });
    expect(await readRun(pool(), runId)).toMatchObject({ eta: null });
  });
});

describe('slots at the start', () => {
  /** One vehicle that takes as long as all others: two slots do what six would. */
  const lopsided = fakePlanner((id) => (id === '1' ? 30_000 : rowsOf(id) / 10));
  const plan = async (fleet: FleetActivities, runId: string, maxWorkers: number) =>
    fleet.planRun({
      runId,
      workflowId: 'fleet-sync/all',
      selection: { kind: 'all' },
      mode: 'delta',
      requestedBy: 'test',
      maxWorkers,
    });

  test('are as few as make the run hardly longer, where the setting says so, and all without it', async () => {
    await fleetWithHistory(1);
    const fleet = fleetOf(pool(), { planner: lopsided });
    expect(await plan(fleet, '00000000-0000-4000-8000-000000000001', 6)).toMatchObject({ workers: 6 });
    await set(pool(), 'worker_pool.slots_by_forecast', true);
    const later = fleetOf(pool(), { planner: lopsided });
    expect(await plan(later, '00000000-0000-4000-8000-000000000002', 6)).toMatchObject({ workers: 2 });
  });

  test('stay so few at each claim, until the run is later than its forecast allows: then all are told once', async () => {
    await fleetWithHistory(1);
    await set(pool(), 'worker_pool.slots_by_forecast', true);
    const fleet = fleetOf(pool(), { planner: lopsided });
    const runId = await startRun(fleet, { maxWorkers: 6 });
    const claim = (sequence: number, slot: number) =>
      fleet.claimNext({ runId, slot, sequence, settle: null, slices: true, knownWorkers: 2 });
    expect(await claim(1, 1)).toMatchObject({ kind: 'vehicle', workers: 6, slots: 2 });
    await letPass(runId, 3_600_000);
    expect(await claim(1, 2)).toMatchObject({ kind: 'vehicle', reopen: true, slots: 6 });
    expect(await claim(1, 3)).not.toHaveProperty('reopen');
  });

  test('are as many as an operator says, whatever the forecast', async () => {
    await fleetWithHistory(1);
    await set(pool(), 'worker_pool.slots_by_forecast', true);
    const fleet = fleetOf(pool(), { planner: lopsided });
    const runId = await startRun(fleet, { maxWorkers: 6 });
    expect(await fleet.controlRun({ runId, maxWorkers: 5 })).toEqual({ workers: 5 });
    expect(await forecastOf(runId)).toMatchObject({ slots: null });
  });
});
