import { settleDown, withBench } from './bench-stack.ts';
import { readBinaryCopy, writeBinaryCopy } from './contenders/binary-copy.ts';
import { type ClassicPipeline, CLASSIC_TABLE, createClassicPipeline } from './contenders/classic-pipeline.ts';
import { findPgloader } from './contenders/pgloader.ts';
import { cpuBetween, cpuSeconds, describeCpu } from './cpu-seconds.ts';
import type { ExportUnit } from './export-unit.ts';
import { type CpuMeasured, type Measured, median, printCpuShare, printMeasured, printTargets } from './figures.ts';
import { type FirstSync, measured, oursOnce, pgloaderMeasured, pgloaderOnce } from './first-sync.ts';
import { addPositions, createLegacyDatabase, registerFleet, vehicleIds } from './legacy-positions.ts';
import { printMemory } from './memory.ts';
import { OURS, assertSameRows, plainCopy, sourceRows, targetRows } from './same-rows.ts';
import { startBenchWorker } from './worker-process.ts';
import { count } from '../src/cli/figures.ts';

export interface BulkSize {
  vehicles: number;
  rowsPerVehicle: number;
  rounds: number;
}

export const BULK: BulkSize = { vehicles: 20, rowsPerVehicle: 40_000, rounds: 3 };

interface Field extends FirstSync {
  vehicles: string[];
  classic: ClassicPipeline;
}

/** The first load of a whole fleet, in which all rows are new. Returns how many targets were missed. */
export async function bulk({ vehicles, rowsPerVehicle, rounds }: BulkSize): Promise<number> {
  return withBench({}, async (bench) => {
    const reader = await createLegacyDatabase(bench);
    await addPositions(bench, { vehicles, from: 0, rows: rowsPerVehicle });
    const source = await sourceRows(bench.stack);
    const rows = vehicles * rowsPerVehicle;
    console.log(`bulk: ${count(rows)} rows of ${vehicles} vehicles, 14 columns, ${rounds} rounds`);
    const field = {
      bench,
      source,
      rows,
      vehicles: await registerFleet(bench, reader, { ids: vehicleIds(vehicles) }),
      pgloader: await findPgloader(bench, reader),
      classic: await createClassicPipeline(bench, reader),
    };
    const worker = await startBenchWorker(bench);
    try {
      return await compete({ ...field, worker }, rounds);
    } finally {
      await worker.stop();
    }
  });
}

async function compete(field: Field, rounds: number): Promise<number> {
  // The first run opens connections and warms the worker up. It is not counted, because a worker process runs for weeks.
  await oursOnce(field, measured('warm-up', field), { slots: 4, unit: 'vehicle' });
  const units = (['vehicle', 'table'] satisfies ExportUnit[]).map((unit) => ({
    unit,
    figure: measured(`fleetgraph, ${unit}, 4 slots`, field),
  }));
  const pgloader = pgloaderMeasured(field);
  const limit = measured('binary COPY, the limit', field, 'one PostgreSQL backend: rows, unique index, WAL; one core');
  for (let round = 1; round <= rounds; round += 1) {
    for (const { unit, figure } of units) await oursOnce(field, figure, { slots: 4, unit });
    await limitOnce(field, limit, await writeBinaryCopy(field.bench.ours));
    if (pgloader !== null) await pgloaderOnce(field, pgloader);
  }
  const three = measured('fleetgraph, vehicle, 3 slots', field);
  await oursOnce(field, three, { slots: 3, unit: 'vehicle' });
  const memory = field.worker.memory();
  const sequential = measured('classic, one after the other', field);
  const fourWide = measured('classic, 4 at a time', field);
  await classicOnce(field, sequential, 1);
  await classicOnce(field, fourWide, 4);
  const ofUnit = (name: string): CpuMeasured | null => units.find(({ unit }) => unit === name)?.figure ?? null;
  const [vehicle, table] = [ofUnit('vehicle'), ofUnit('table')];
  const best = table ?? vehicle!;
  const ours = units.map(({ figure }) => figure);
  const all = [...ours, three, ...(pgloader === null ? [] : [pgloader]), limit, sequential, fourWide];
  printMeasured(all, best, (one) => count((one.amount * 1_000) / median(one.times)), 'rows/s');
  return (
    printTargets([
      { name: 'bulk, table against vehicle', ours: table, other: vehicle, atLeast: 1.5 },
      { name: 'bulk, 4 slots, against pgloader', ours: best, other: pgloader, atLeast: 1.5 },
      { name: 'bulk, 4 slots, share of the limit', ours: best, other: limit, atLeast: 0.6 },
      { name: '3 slots against the sequential pipeline', ours: three, other: sequential, atLeast: 3, hoped: 10 },
    ]) +
    printCpuShare({ part: 'MariaDB', ours: table, other: vehicle, atMost: 0.55 }) +
    printMemory(memory)
  );
}

async function limitOnce({ bench, source }: Field, into: Measured, file: string): Promise<void> {
  await bench.ours.query('TRUNCATE positions');
  await settleDown(bench);
  into.times.push(await readBinaryCopy(bench.ours, file));
  assertSameRows(into.contender, source, await targetRows(bench.ours, OURS));
}

async function classicOnce({ bench, classic, source, vehicles }: Field, into: Measured, width: number): Promise<void> {
  await classic.empty();
  await settleDown(bench);
  const before = cpuSeconds(bench.stack, null);
  const ms = await classic.sync(
    vehicles.map((id) => ({ id, above: 0 })),
    width,
  );
  const cpu = cpuBetween(before, cpuSeconds(bench.stack, null));
  assertSameRows(into.contender, source, await targetRows(bench.contenders.pool, plainCopy(CLASSIC_TABLE)));
  into.times.push(ms);
  into.limitedBy = describeCpu(cpu, ms, 'ssh, scp, gunzip, sed, psql');
}
