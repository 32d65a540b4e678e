import { performance } from 'node:perf_hooks';
import { startReconciliation } from '../src/client/reconciliations.ts';
import { count } from '../src/cli/figures.ts';
import { type Bench, settleDown, withBench } from './bench-stack.ts';
import { forgetPositions, syncFleet } from './contenders/fleet-sync.ts';
import { cpuBetween, cpuSeconds, describeCpu } from './cpu-seconds.ts';
import { type Measured, median, printMeasured } from './figures.ts';
import { addPositions, createLegacyDatabase, registerFleet, vehicleIds } from './legacy-positions.ts';
import { type BenchWorker, startBenchWorker } from './worker-process.ts';

export const RECONCILE = { vehicles: 100, rowsPerVehicle: 10_000, rounds: 3 };
const SLOTS = 4;
/** Of the time of the first sync of the same rows. */
const AT_MOST = 0.25;

/** Compares all rows of a fleet with their source, beside the first sync of the same rows. Returns how many targets were missed. */
export async function reconcile({ vehicles, rowsPerVehicle, rounds }: typeof RECONCILE): Promise<number> {
  return withBench({}, async (bench) => {
    const reader = await createLegacyDatabase(bench);
    await addPositions(bench, { vehicles, from: 0, rows: rowsPerVehicle });
    await registerFleet(bench, reader, { ids: vehicleIds(vehicles) });
    const rows = vehicles * rowsPerVehicle;
    console.log(`reconcile: ${count(rows)} rows of ${vehicles} vehicles, ${rounds} rounds`);
    // Reconciling as fast as the host can, because that is what is asked.
    await bench.ours.query(
      `UPDATE system_settings SET value = '100000000' WHERE key = 'legacy_sync.reconcile.rows_per_second'`,
    );
    const worker = await startBenchWorker(bench);
    try {
      return await compete(bench, worker, { rows, rounds });
    } finally {
      await worker.stop();
    }
  });
}

async function compete(bench: Bench, worker: BenchWorker, { rows, rounds }: { rows: number; rounds: number }) {
  const sync: Measured = { contender: `first sync, ${SLOTS} slots`, times: [], amount: rows, limitedBy: '' };
  const comparing: Measured = { contender: 'reconcile', times: [], amount: rows, limitedBy: '' };
  for (let round = 0; round <= rounds; round += 1) {
    await forgetPositions(bench);
    await settleDown(bench);
    const synced = await measured(bench, worker, async () => void (await syncFleet(bench, SLOTS)));
    await settleDown(bench);
    const compared = await measured(bench, worker, () => compareAll(bench, rows));
    // The first round opens connections and warms the worker up.
    if (round === 0) continue;
    sync.times.push(synced.ms);
    comparing.times.push(compared.ms);
    [sync.limitedBy, comparing.limitedBy] = [synced.cpu, compared.cpu];
  }
  printMeasured([sync, comparing], sync, (one) => count((one.amount * 1_000) / median(one.times)), 'rows/s');
  const share = median(comparing.times) / median(sync.times);
  const missed = share > AT_MOST;
  console.log(
    `reconciling takes ${share.toFixed(2)} of the first sync (wanted: at most ${AT_MOST})${missed ? ' MISSED' : ''}`,
  );
  return missed ? 1 : 0;
}

async function measured(bench: Bench, { pid }: BenchWorker, work: () => Promise<void>) {
  const before = cpuSeconds(bench.stack, pid);
  const begun = performance.now();
  await work();
  const ms = performance.now() - begun;
  return { ms, cpu: describeCpu(cpuBetween(before, cpuSeconds(bench.stack, pid)), ms) };
}

async function compareAll({ session }: Bench, rows: number): Promise<void> {
  const { client } = await session.temporal();
  const started = await startReconciliation(client, { selection: { kind: 'all' }, requestedBy: 'bench' });
  const found = await started.result();
  const differing = found.missing + found.changed + found.extra + found.failed;
  if (differing > 0 || found.sourceRows !== rows || found.targetRows !== rows)
    throw new Error(`The reconciliation found differences where there are none: ${JSON.stringify(found)}`);
}
