import { cpus } from 'node:os';
import { count } from '../src/cli/figures.ts';
import { type Bench, settleDown, withBench } from './bench-stack.ts';
import { type ClassicPipeline, CLASSIC_TABLE, createClassicPipeline } from './contenders/classic-pipeline.ts';
import { syncFleet } from './contenders/fleet-sync.ts';
import { cpuBetween, cpuSeconds, describeCpu } from './cpu-seconds.ts';
import { type Measured, median, printMeasured, printTargets } from './figures.ts';
import { addPositions, createLegacyDatabase, registerFleet } from './legacy-positions.ts';
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
}

/** The daily reality: many vehicles, little new of each since the last sync. Returns how many targets were missed. */
export async function smallDeltas({ vehicles, newRows, rounds }: DeltaSize): Promise<number> {
  return withBench({}, async (bench) => {
    const reader = await createLegacyDatabase(bench);
    console.log(`small deltas: ${vehicles} vehicles × ${newRows} new rows, ${rounds} rounds`);
    const field = {
      bench,
      newRows,
      vehicles: await registerFleet(bench, reader, vehicles),
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
  const { vehicles } = field;
  const ours: Measured = {
    contender: `fleetgraph, ${SLOTS} slots`,
    times: [],
    amount: vehicles.length,
    limitedBy: '',
  };
  const classic: Measured = { ...ours, contender: `classic, ${SLOTS} at a time`, times: [] };
  // Round 0 is the first sync of all, which gives both a history to add to, and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    const [oursOnce, classicOnce] = await oneRound(field, round);
    if (round === 0) continue;
    ours.times.push(oursOnce.ms);
    classic.times.push(classicOnce.ms);
    ours.limitedBy = oursOnce.limitedBy;
    classic.limitedBy = classicOnce.limitedBy;
  }
  printMeasured([ours, classic], ours, (one) => (median(one.times) / one.amount).toFixed(1), 'ms per vehicle');
  return printTargets([{ name: 'small deltas, 4 slots against 4 at a time', ours, other: classic, atLeast: 4 }]);
}

interface Once {
  ms: number;
  limitedBy: string;
}

async function oneRound(field: Field, round: number): Promise<[Once, Once]> {
  const { bench, vehicles, newRows } = field;
  await addPositions(bench, { vehicles: vehicles.length, from: round * newRows, rows: newRows });
  const source = await sourceRows(bench.stack);
  const ours = await runOurs(field);
  assertSameRows('fleetgraph', source, await targetRows(bench.ours, OURS));
  const classic = await runClassic(field);
  assertSameRows('classic', source, await targetRows(bench.contenders.pool, plainCopy(CLASSIC_TABLE)));
  return [ours, classic];
}

async function runOurs({ bench, worker }: Field): Promise<Once> {
  await settleDown(bench);
  const before = cpuSeconds(bench.stack, worker.pid);
  const { ms, runId } = await syncFleet(bench, SLOTS);
  const cpu = cpuBetween(before, cpuSeconds(bench.stack, worker.pid));
  const { client } = await bench.session.temporal();
  const stages = describeStages(await readStageTimes(client, bench.ours, runId));
  return { ms, limitedBy: `${describeCpu(cpu, ms, cpus().length)}; ${stages}` };
}

/** Its state files are played by a question beforehand: the highest id of each vehicle that it has loaded. */
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
  const { bench: own, ...rest } = cpuBetween(before, cpuSeconds(bench.stack, null));
  const cpu = { ...rest, 'ssh, scp, gunzip, sed, psql': own };
  return {
    ms,
    limitedBy: `${describeCpu(cpu, ms, cpus().length)}; logins: three a vehicle (${count(3 * vehicles.length)})`,
  };
}
