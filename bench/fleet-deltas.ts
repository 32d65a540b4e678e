import { settleDown, withBench } from './bench-stack.ts';
import { syncFleet } from './contenders/fleet-sync.ts';
import { cpuBetween, cpuSeconds, describeCpu } from './cpu-seconds.ts';
import { type ExportUnit, useUnit } from './export-unit.ts';
import { type Measured, median, printMeasured, printTargets } from './figures.ts';
import { addPositions, createLegacyDatabase, registerFleet, vehicleIds } from './legacy-positions.ts';
import { OURS, assertSameRows, sourceRows, targetRows } from './same-rows.ts';
import { startBenchWorker } from './worker-process.ts';
import type { Bench } from './bench-stack.ts';
import type { BenchWorker } from './worker-process.ts';

export interface FleetDeltaSize {
  vehicles: number;
  newRows: number;
  rounds: number;
}

export const FLEET_DELTAS: FleetDeltaSize = { vehicles: 2_000, newRows: 20, rounds: 1 };
const SLOTS = 4;

interface Field extends FleetDeltaSize {
  bench: Bench;
  worker: BenchWorker;
  /** How many times each vehicle was given `newRows`. */
  added: number;
}

/** Syncs a large fleet with one table and few new rows per vehicle: vehicles together, and one by one. Returns how many targets were missed. */
export async function fleetDeltas({ vehicles, newRows, rounds }: FleetDeltaSize): Promise<number> {
  return withBench({}, async (bench) => {
    const reader = await createLegacyDatabase(bench);
    await registerFleet(bench, reader, { ids: vehicleIds(vehicles) });
    console.log(`fleet deltas: ${vehicles} vehicles of one table × ${newRows} new rows, ${rounds} rounds`);
    const worker = await startBenchWorker(bench);
    try {
      return await compete({ bench, worker, vehicles, newRows, rounds, added: 0 });
    } finally {
      await worker.stop();
    }
  });
}

async function compete(field: Field): Promise<number> {
  const units: ExportUnit[] = ['auto', 'vehicle'];
  const figures = units.map((unit): Measured => {
    return { contender: `fleetgraph, ${unit}, ${SLOTS} slots`, times: [], amount: field.vehicles, limitedBy: '' };
  });
  // The first sync gives every vehicle earlier rows, and is not counted.
  await once(field, units[0]!);
  for (let round = 0; round < field.rounds; round += 1) {
    for (const [index, unit] of units.entries()) {
      const { ms, limitedBy } = await once(field, unit);
      figures[index]!.times.push(ms);
      figures[index]!.limitedBy = limitedBy;
    }
  }
  printMeasured(figures, figures[0]!, (one) => (median(one.times) / one.amount).toFixed(2), 'ms per vehicle');
  const of = (unit: ExportUnit): Measured | null => figures[units.indexOf(unit)] ?? null;
  return printTargets([{ name: 'deltas, auto against vehicle', ours: of('auto'), other: of('vehicle'), atLeast: 20 }]);
}

async function once(field: Field, unit: ExportUnit): Promise<{ ms: number; limitedBy: string }> {
  const { bench, worker, vehicles, newRows } = field;
  await addPositions(bench, { vehicles, from: field.added * newRows, rows: newRows });
  field.added += 1;
  await useUnit(bench, unit);
  await settleDown(bench);
  const before = cpuSeconds(bench.stack, worker.pid);
  const { ms } = await syncFleet(bench, SLOTS);
  const cpu = cpuBetween(before, cpuSeconds(bench.stack, worker.pid));
  assertSameRows(`fleetgraph, ${unit}`, await sourceRows(bench.stack), await targetRows(bench.ours, OURS));
  return { ms, limitedBy: describeCpu(cpu, ms) };
}
