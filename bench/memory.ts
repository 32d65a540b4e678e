import { withBench } from './bench-stack.ts';
import { syncFleet } from './contenders/fleet-sync.ts';
import { cpuBetween, cpuSeconds, describeCpu } from './cpu-seconds.ts';
import { type ExportUnit, useUnit } from './export-unit.ts';
import { addPositions, createLegacyDatabase, registerFleet, vehicleIds } from './legacy-positions.ts';
import { OURS, assertSameRows, sourceRows, targetRows } from './same-rows.ts';
import { type MemoryUse, startBenchWorker } from './worker-process.ts';
import { count } from '../src/cli/figures.ts';

const MEMORY_LIMIT_MB = 256;
const SLOTS = 4;
/** Nine days: in a longer time the clocks would change, and a local time that never was is no other database's. */
export const MEMORY = { vehicles: 100, rowsPerVehicle: 50_000 };

/** Measures the worker's memory during a first load that is far larger. Returns how many targets were missed. */
export async function memory({ vehicles, rowsPerVehicle }: typeof MEMORY): Promise<number> {
  return withBench({}, async (bench) => {
    const reader = await createLegacyDatabase(bench);
    const ids = vehicleIds(vehicles);
    await addPositions(bench, { vehicles, from: 0, rows: rowsPerVehicle });
    await registerFleet(bench, reader, { ids });
    const unit: ExportUnit = 'table';
    console.log(`memory: ${count(vehicles * rowsPerVehicle)} rows of ${vehicles} vehicles, unit ${unit}`);
    await useUnit(bench, unit);
    const worker = await startBenchWorker(bench);
    try {
      const before = cpuSeconds(bench.stack, worker.pid);
      const { ms } = await syncFleet(bench, SLOTS);
      const cpu = cpuBetween(before, cpuSeconds(bench.stack, worker.pid));
      console.log(`${count((vehicles * rowsPerVehicle * 1_000) / ms)} rows/s; ${describeCpu(cpu, ms)}`);
      const used = worker.memory();
      assertSameRows('fleetgraph', await sourceRows(bench.stack), await targetRows(bench.ours, OURS));
      return printMemory(used);
    } finally {
      await worker.stop();
    }
  });
}

/** Returns how many targets were missed. */
export function printMemory({ peak, first, last, children }: MemoryUse): number {
  const flat = last <= first * 1.25 + 16;
  const small = peak < MEMORY_LIMIT_MB;
  console.log(
    `\nworker memory: ${Math.round(peak)} MB at the highest (wanted < ${MEMORY_LIMIT_MB} MB: ${small ? 'reached' : 'MISSED'}); ` +
      `first quarter ${Math.round(first)} MB, last quarter ${Math.round(last)} MB (flat: ${flat ? 'yes' : 'NO'}); ` +
      `its zstd processes ${Math.round(children)} MB`,
  );
  return (small ? 0 : 1) + (flat ? 0 : 1);
}
