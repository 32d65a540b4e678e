import { count } from '../src/cli/figures.ts';
import { type Bench, settleDown, withBench } from './bench-stack.ts';
import { type ClassicPipeline, CLASSIC_TABLE, createClassicPipeline } from './contenders/classic-pipeline.ts';
import { syncFleet } from './contenders/fleet-sync.ts';
import { cpuBetween, cpuSeconds, describeCpu } from './cpu-seconds.ts';
import { type ExportUnit, useUnit } from './export-unit.ts';
import { type Measured, median, printMeasured, printTargets } from './figures.ts';
import { addPositions, createLegacyDatabase, registerFleet, vehicleIds } from './legacy-positions.ts';
import { OURS, assertSameRows, plainCopy, sourceRows, targetRows } from './same-rows.ts';
import { describeStages, readStageTimes } from './stage-times.ts';
import { type BenchWorker, startBenchWorker } from './worker-process.ts';

export interface DeltaSize {
  vehicles: number;
  newRows: number;
  rounds: number;
}

export const SMALL_DELTAS: DeltaSize = { vehicles: 100, newRows: 500, rounds: 3 };
const SLOTS = 4;

interface Field {
  bench: Bench;
  worker: BenchWorker;
  vehicles: string[];
  classic: ClassicPipeline;
  newRows: number;
  /** How many times each vehicle was given `newRows`. */
  added: number;
}

/** Measures an everyday sync: many vehicles with few new rows each. Returns how many targets were missed. */
export async function smallDeltas({ vehicles, newRows, rounds }: DeltaSize): Promise<number> {
  return withBench({}, async (bench) => {
    const reader = await createLegacyDatabase(bench);
    console.log(`small deltas: ${vehicles} vehicles × ${newRows} new rows, ${rounds} rounds`);
    const field = {
      bench,
      newRows,
      added: 0,
      vehicles: await registerFleet(bench, reader, { ids: vehicleIds(vehicles) }),
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
  const figure = (contender: string): Measured => {
    return { contender, times: [], amount: field.vehicles.length, limitedBy: '' };
  };
  const units: ExportUnit[] = ['vehicle', 'auto'];
  const ours = units.map((unit) => figure(`fleetgraph, ${unit}, ${SLOTS} slots`));
  const classic = figure(`classic, ${SLOTS} at a time`);
  // Round 0 is the first sync. It gives every vehicle earlier rows, and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, unit] of units.entries()) {
      const [oursOnce, classicOnce] = await oneRound(field, unit);
      if (round === 0) continue;
      note(ours[index]!, oursOnce);
      note(classic, classicOnce);
    }
  }
  const of = (unit: ExportUnit): Measured | null => ours[units.indexOf(unit)] ?? null;
  const best = ours.at(-1)!;
  printMeasured([...ours, classic], best, perVehicle, 'ms per vehicle');
  return printTargets([
    { name: 'small deltas, vehicle against the classic 4 at a time', ours: of('vehicle'), other: classic, atLeast: 4 },
    { name: 'small deltas, auto against the classic 4 at a time', ours: of('auto'), other: classic, atLeast: 12 },
  ]);
}

const perVehicle = (one: Measured): string => (median(one.times) / one.amount).toFixed(1);

interface Once {
  ms: number;
  limitedBy: string;
}

function note(figure: Measured, { ms, limitedBy }: Once): void {
  figure.times.push(ms);
  figure.limitedBy = limitedBy;
}

/** Runs both contenders on the same new rows. */
async function oneRound(field: Field, unit: ExportUnit): Promise<[Once, Once]> {
  const { bench, vehicles, newRows } = field;
  await addPositions(bench, { vehicles: vehicles.length, from: field.added * newRows, rows: newRows });
  field.added += 1;
  const source = await sourceRows(bench.stack);
  const ours = await runOurs(field, unit);
  assertSameRows('fleetgraph', source, await targetRows(bench.ours, OURS));
  const classic = await runClassic(field);
  assertSameRows('classic', source, await targetRows(bench.contenders.pool, plainCopy(CLASSIC_TABLE)));
  return [ours, classic];
}

async function runOurs({ bench, worker }: Field, unit: ExportUnit): Promise<Once> {
  await useUnit(bench, unit);
  await settleDown(bench);
  const before = cpuSeconds(bench.stack, worker.pid);
  const { ms, runId } = await syncFleet(bench, SLOTS);
  const cpu = cpuBetween(before, cpuSeconds(bench.stack, worker.pid));
  const { client } = await bench.session.temporal();
  const stages = unit === 'vehicle' ? `; ${describeStages(await readStageTimes(client, bench.ours, runId))}` : '';
  return { ms, limitedBy: `${describeCpu(cpu, ms)}${stages}` };
}

/** A query beforehand stands in for its state files: it asks for the highest id of each vehicle that the pipeline has loaded. */
async function runClassic({ bench, classic, vehicles }: Field): Promise<Once> {
  const { rows } = await bench.contenders.pool.query<{ vehicle: string; above: string }>(
    `SELECT vehicle_id::text AS vehicle, max(id)::text AS above FROM ${CLASSIC_TABLE} GROUP BY 1`,
  );
  const loaded = new Map(rows.map(({ vehicle, above }) => [vehicle, Number(above)]));
  await settleDown(bench);
  const before = cpuSeconds(bench.stack, null);
  const ms = await classic.sync(
    vehicles.map((id) => ({ id, above: loaded.get(id) ?? 0 })),
    SLOTS,
  );
  const cpu = cpuBetween(before, cpuSeconds(bench.stack, null));
  return {
    ms,
    limitedBy: `${describeCpu(cpu, ms, 'ssh, scp, gunzip, sed, psql')}; logins: three a vehicle (${count(3 * vehicles.length)})`,
  };
}
