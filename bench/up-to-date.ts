import { settleDown, withBench } from './bench-stack.ts';
import { syncFleet } from './contenders/fleet-sync.ts';
import { cpuBetween, cpuSeconds, describeCpu } from './cpu-seconds.ts';
import { median } from './figures.ts';
import { printLimits } from './graph-servers.ts';
import { addPositions, createLegacyDatabase, registerFleet, vehicleIds } from './legacy-positions.ts';
import { OURS, assertSameRows, sourceRows, targetRows } from './same-rows.ts';
import { startBenchWorker } from './worker-process.ts';

export const UP_TO_DATE = { vehicles: 10_000, rounds: 3 };
const SLOTS = 4;
const ROWS_EACH = 5;

/** Syncs a large fleet of one table in which nothing is new, so that planning is all there is. Returns how many targets were missed. */
export async function upToDate({ vehicles, rounds }: typeof UP_TO_DATE): Promise<number> {
  return withBench({}, async (bench) => {
    const reader = await createLegacyDatabase(bench);
    await registerFleet(bench, reader, { ids: vehicleIds(vehicles) });
    await addPositions(bench, { vehicles, from: 0, rows: ROWS_EACH });
    const worker = await startBenchWorker(bench);
    try {
      const first = await syncFleet(bench, SLOTS);
      console.log(`up to date: ${vehicles} vehicles of one table, first synced in ${(first.ms / 1_000).toFixed(1)} s`);
      assertSameRows('fleetgraph', await sourceRows(bench.stack), await targetRows(bench.ours, OURS));
      const times: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        await settleDown(bench);
        const before = cpuSeconds(bench.stack, worker.pid);
        const { ms } = await syncFleet(bench, SLOTS);
        times.push(ms);
        console.log(`${ms.toFixed(0)} ms; ${describeCpu(cpuBetween(before, cpuSeconds(bench.stack, worker.pid)), ms)}`);
      }
      return printLimits([
        { name: 'a whole run with nothing new', measured: median(times) / 1_000, atMost: 1, unit: 's' },
      ]);
    } finally {
      await worker.stop();
    }
  });
}
