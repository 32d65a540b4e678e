import { withBench } from './bench-stack.ts';
import { findPgloader } from './contenders/pgloader.ts';
import { type ExportUnit } from './export-unit.ts';
import { type CpuMeasured, median, printMeasured, printTargets } from './figures.ts';
import { type FirstSync, measured, oursOnce, pgloaderMeasured, pgloaderOnce } from './first-sync.ts';
import { createLegacyDatabase, registerFleet } from './legacy-positions.ts';
import { addRealPositions } from './real-positions.ts';
import { sourceRows } from './same-rows.ts';
import { startBenchWorker } from './worker-process.ts';
import { count } from '../src/cli/figures.ts';
import { readCapmetrics } from '../src/emulators/capmetrics.ts';

const SLOTS = 4;
export const FLEET_ROUNDS = 3;

/** The first sync of a real fleet whose vehicles share one table. Returns how many targets were missed. */
export async function fleet({ folder, rounds }: { folder: string; rounds: number }): Promise<number> {
  const positions = await readCapmetrics(folder, Number.POSITIVE_INFINITY);
  const ids = [...new Set(positions.map(({ vehicleId }) => vehicleId))];
  if (ids.length === 0) throw new Error(`No positions were found in the files *.csv and *.csv.gz of ${folder}.`);
  return withBench({}, async (bench) => {
    const reader = await createLegacyDatabase(bench);
    await addRealPositions(bench, positions);
    await registerFleet(bench, reader, { ids });
    console.log(`fleet: ${count(positions.length)} real positions of ${ids.length} vehicles, ${rounds} rounds`);
    const field = {
      bench,
      source: await sourceRows(bench.stack),
      rows: positions.length,
      pgloader: await findPgloader(bench, reader),
    };
    const worker = await startBenchWorker(bench);
    try {
      return await compete({ ...field, worker }, rounds);
    } finally {
      await worker.stop();
    }
  });
}

async function compete(field: FirstSync, rounds: number): Promise<number> {
  const units: ExportUnit[] = ['vehicle', 'auto'];
  // The first runs open connections and warm the worker up; they are not counted.
  for (const unit of units) await oursOnce(field, measured('warm-up', field), { slots: SLOTS, unit });
  const ours = new Map<ExportUnit, CpuMeasured>(
    units.map((unit) => [unit, measured(`fleetgraph, ${unit}, ${SLOTS} slots`, field)]),
  );
  const pgloader = pgloaderMeasured(field);
  for (let round = 1; round <= rounds; round += 1) {
    for (const [unit, figure] of ours) await oursOnce(field, figure, { slots: SLOTS, unit });
    if (pgloader !== null) await pgloaderOnce(field, pgloader);
  }
  const [vehicle, auto] = [ours.get('vehicle')!, ours.get('auto') ?? null];
  const all = [...ours.values(), ...(pgloader === null ? [] : [pgloader])];
  printMeasured(all, auto ?? vehicle, (one) => count((one.amount * 1_000) / median(one.times)), 'rows/s');
  return printTargets([
    { name: 'first sync of a real fleet, auto against vehicle', ours: auto, other: vehicle, atLeast: 10 },
    { name: 'first sync of a real fleet, against pgloader', ours: auto ?? vehicle, other: pgloader, atLeast: 0.6 },
  ]);
}
