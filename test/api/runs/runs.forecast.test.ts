import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startCli } from '../../support/fleet-worker.ts';
import { type ApiFixture, openApi, startSyncWorker, untilRunEnded } from '../../support/fleet-api.ts';
import { eventually } from '../../support/eventually.ts';
import { CATCHABLE, holdDump } from '../../support/hold-dump.ts';

const RUNS = '/api/v1/legacy-sync/runs';

let fixture: ApiFixture;
let vehicleIds: string[];

beforeAll(async () => {
  fixture = await openApi();
  vehicleIds = await fixture.fleet.addVehicles(6, { rows: 50 });
  await fixture.fleet.set({ 'worker_pool.claim_poll_ms': 100, 'export.unit': 'vehicle' });
  await startSyncWorker(fixture);
}, 120_000);
afterAll(() => fixture?.close());

const start = async (): Promise<string> =>
  (await fixture.post(RUNS, { selection: { kind: 'all' }, maxWorkers: 2 })).body.runId;

interface ForecastRow {
  known: boolean;
  error: number;
  p50: number;
  p90: number;
}

async function forecasts(): Promise<ForecastRow[]> {
  const { rows } = await fixture.fleet.pool.query<ForecastRow>(
    'SELECT known, p50_ms AS p50, p90_ms AS p90, abs(ln(actual_ms / p50_ms)) AS error FROM run_forecasts ORDER BY made_at',
  );
  return rows;
}

test('two runs leave their forecasts and outcomes, and the second knows its server', async () => {
  expect(await untilRunEnded(fixture, await start())).toMatchObject({ state: 'completed', eta: null });
  for (const id of vehicleIds) await fixture.fleet.addRows(id, 50);
  expect(await untilRunEnded(fixture, await start())).toMatchObject({ state: 'completed', eta: null });
  const rows = await forecasts();
  expect(rows.map(({ known }) => known)).toEqual([false, true]);
  for (const { p50, p90, error } of rows) {
    expect(p50).toBeGreaterThan(0);
    expect(p90).toBeGreaterThanOrEqual(p50);
    // Of the right order, on a machine that does other things meanwhile.
    expect(error).toBeLessThan(Math.log(10));
  }
}, 60_000);

test('while a run goes on, the API and whoever follows it are told a p50 and a p90', async () => {
  const [large] = await fixture.fleet.addVehicles(1, CATCHABLE);
  for (const id of vehicleIds) await fixture.fleet.addRows(id, 50);
  const runId = await start();
  const release = await holdDump(fixture.fleet);
  const watching = startCli(fixture.fleet.environment, ['follow', runId]);
  try {
    const { run } = await eventually(async () => {
      const { body } = await fixture.get(`${RUNS}/${runId}`);
      expect(body.run.eta).not.toBe(null);
      return body;
    });
    expect(run.eta.p50Ms).toBeGreaterThan(0);
    expect(run.eta.p90Ms).toBeGreaterThanOrEqual(run.eta.p50Ms);
    await eventually(() => expect(watching.said.stdout).toMatch(/ETA \S+.* \(9 in 10: \S+/), {
      withinMs: 30_000,
      everyMs: 50,
    });
  } finally {
    release();
  }
  expect(await untilRunEnded(fixture, runId)).toMatchObject({ state: 'completed', eta: null });
  expect(await watching.ended).toMatchObject({ status: 0 });
  expect(large).toBeDefined();
}, 90_000);
