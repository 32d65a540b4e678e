import { type Bench, withBench } from './bench-stack.ts';
import { syncFleet } from './contenders/fleet-sync.ts';
import { useUnit } from './export-unit.ts';
import { median } from './figures.ts';
import { createLegacyDatabase, registerFleet } from './legacy-positions.ts';
import { addRealPositions } from './real-positions.ts';
import { startBenchWorker } from './worker-process.ts';
import { plainTable } from '../src/cli/run-table.ts';
import { type RealPosition, readCapmetrics } from '../src/emulators/capmetrics.ts';
import { UNSEEN_COST, expectedMs, learn } from '../src/pool/forecast.ts';

const SLOTS = 4;
/** Enough for slots to be busy, and few enough for a run an hour of two days to take minutes. */
export const FORECAST_VEHICLES = 60;
/** Each of these runs is told by those before it; the first ones have none. */
const FIRST_RUNS = 3;
const NEWEST = 0.3;
/** After the hours, runs in which a few vehicles have all rows of the fleet to catch up with, each followed by an hour as before. */
const CATCH_UPS = { runs: 3, vehicles: 4 };

const CATCHING_UP = 'a catch-up';

/** A run as its row in run_forecasts tells of it. */
interface TimedRun {
  hour: string;
  rows: number;
  works: number;
  workMs: number;
  p50Ms: number;
  p90Ms: number;
  actualMs: number;
}

/** Syncs a real fleet hour by hour, one vehicle after the other on each slot, and compares how long runs took with what was expected of them. */
export async function forecastRuns({ folder, vehicles }: { folder: string; vehicles: number }): Promise<void> {
  const positions = await readCapmetrics(folder, vehicles);
  const hours = new Map<string, RealPosition[]>();
  for (const position of positions) {
    const hour = position.localTime.slice(0, 13);
    const own = hours.get(hour);
    if (own) own.push(position);
    else hours.set(hour, [position]);
  }
  const ids = [...new Set(positions.map(({ vehicleId }) => vehicleId))];
  await withBench({}, async (bench) => {
    const reader = await createLegacyDatabase(bench);
    await registerFleet(bench, reader, { ids });
    await bench.ours.query('UPDATE vehicles SET enabled = false');
    await useUnit(bench, 'vehicle');
    const worker = await startBenchWorker(bench);
    try {
      const runs: TimedRun[] = [];
      for (const [hour, rows] of hours) runs.push(await oneHour(bench, hour, rows));
      const [lastHour, lastRows] = [...hours].at(-1)!;
      const behind = positions.map((each, index) => ({ ...each, vehicleId: ids[index % CATCH_UPS.vehicles]! }));
      for (let round = 0; round < CATCH_UPS.runs; round += 1) {
        runs.push(await oneHour(bench, CATCHING_UP, behind), await oneHour(bench, lastHour, lastRows));
      }
      report('an hour each', runs, ({ hour }) => hour !== CATCHING_UP);
      report('to catch up', runs, ({ hour }) => hour === CATCHING_UP);
    } finally {
      await worker.stop();
    }
  });
}

async function oneHour(bench: Bench, hour: string, rows: RealPosition[]): Promise<TimedRun> {
  await addRealPositions(bench, rows);
  // One that has no row yet would be told as unknown to its server.
  const driving = [...new Set(rows.map(({ vehicleId }) => vehicleId))];
  await bench.ours.query('UPDATE vehicles SET enabled = true WHERE legacy_vehicle_id = ANY($1)', [driving]);
  const { runId } = await syncFleet(bench, SLOTS);
  const { rows: found } = await bench.ours.query<Omit<TimedRun, 'hour' | 'rows'>>(
    `SELECT work_ms AS "workMs", p50_ms AS "p50Ms", p90_ms AS "p90Ms", actual_ms AS "actualMs",
            (SELECT count(*)::int FROM vehicle_syncs AS sync WHERE sync.run_id = forecast.run_id) AS works
       FROM run_forecasts AS forecast WHERE run_id = $1`,
    [runId],
  );
  if (found[0] === undefined) throw new Error(`Run ${runId} over the rows of ${hour} o'clock left no forecast.`);
  return { hour, rows: rows.length, ...found[0] };
}

/** What could be expected of a run, given those before it, the oldest first. From the simplest to the least simple. */
const EXPECTATIONS: { name: string; expect(before: TimedRun[], run: TimedRun): number }[] = [
  { name: 'same as last time', expect: (before) => before.at(-1)!.actualMs },
  {
    name: 'same hour of the last day or week',
    expect: (before, { hour }) =>
      (before.findLast((each) => each.hour.slice(-2) === hour.slice(-2)) ?? before.at(-1)!).actualMs,
  },
  {
    name: `EWMA of the runs (${NEWEST})`,
    expect: (before) => before.map(({ actualMs }) => actualMs).reduce((mean, each) => mean + NEWEST * (each - mean)),
  },
  { name: 'ms per vehicle of the last run', expect: (before, { works }) => scaled(before.at(-1)!, 'works', works) },
  { name: 'ms per row of the last run', expect: (before, { rows }) => scaled(before.at(-1)!, 'rows', rows) },
  { name: 'costs of the server, work over slots', expect: (_, { workMs }) => workMs / SLOTS },
  { name: 'costs of the server, longest first: the product’s', expect: (_, { p50Ms }) => p50Ms },
  {
    name: 'the same, × what earlier runs took over it',
    expect: (before, { p50Ms }) => p50Ms * median(before.slice(1).map((each) => each.actualMs / each.p50Ms)),
  },
  {
    name: 'the same, by least squares over earlier runs',
    expect: (before, run) => fitted(before.slice(1), run, ({ p50Ms }) => p50Ms),
  },
  {
    name: 'vehicles, by least squares over earlier runs',
    expect: (before, run) => fitted(before.slice(1), run, ({ works }) => works),
  },
];

function fitted(before: TimedRun[], run: TimedRun, by: (run: TimedRun) => number): number {
  const known = before.map((each) => ({ rows: by(each), ms: each.actualMs })).reduce(learn, UNSEEN_COST);
  return expectedMs(known, by(run));
}

const scaled = (last: TimedRun, by: 'works' | 'rows', now: number): number => (last.actualMs / last[by]) * now;

function report(what: string, runs: TimedRun[], counts: (run: TimedRun) => boolean): void {
  const told = runs.slice(FIRST_RUNS).filter(counts);
  const lines = EXPECTATIONS.map(({ name, expect }) => {
    const errors = told.map((run) => Math.abs(expect(runs.slice(0, runs.indexOf(run)), run) - run.actualMs));
    const total = told.reduce((sum, { actualMs }) => sum + actualMs, 0);
    const relative = errors.map((error, index) => error / told[index]!.actualMs);
    const meanShare = relative.reduce((sum, each) => sum + each, 0) / told.length;
    return [
      name,
      `${((100 * errors.reduce((sum, each) => sum + each, 0)) / total).toFixed(1)} %`,
      `${(100 * meanShare).toFixed(1)} %`,
      `${(100 * median(relative)).toFixed(1)} %`,
    ];
  });
  const spans = told.map(({ actualMs }) => actualMs / 1_000);
  console.log(
    `\ntime: ${told.length} runs, ${what}, of ${Math.min(...told.map(({ works }) => works))} to ${Math.max(...told.map(({ works }) => works))} vehicles that took ${Math.min(...spans).toFixed(1)} to ${Math.max(...spans).toFixed(1)} s, after ${FIRST_RUNS} that are not counted`,
  );
  console.log(`\n${plainTable(['forecast', 'off, of all time', 'mean of a run', 'median'], lines)}`);
  const held = told.filter(({ p90Ms, actualMs }) => actualMs <= p90Ms).length;
  console.log(`\np90 held in ${held} of ${told.length} runs`);
}
