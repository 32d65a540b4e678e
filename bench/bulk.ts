import { cpus } from 'node:os';
import { settleDown, withBench, type Bench } from './bench-stack.ts';
import { readBinaryCopy, writeBinaryCopy } from './contenders/binary-copy.ts';
import { type ClassicPipeline, CLASSIC_TABLE, createClassicPipeline } from './contenders/classic-pipeline.ts';
import { forgetPositions, syncFleet } from './contenders/fleet-sync.ts';
import { type Pgloader, PGLOADER_TABLE, findPgloader } from './contenders/pgloader.ts';
import { cpuBetween, cpuSeconds, describeCpu } from './cpu-seconds.ts';
import { type Measured, median, printMeasured, printTargets } from './figures.ts';
import { addPositions, createLegacyDatabase, registerFleet } from './legacy-positions.ts';
import { OURS, type RowsByVehicle, assertSameRows, plainCopy, sourceRows, targetRows } from './same-rows.ts';
import { describeStages, readStageTimes } from './stage-times.ts';
import { type BenchWorker, type MemoryUse, startBenchWorker } from './worker-process.ts';
import { count } from '../src/cli/figures.ts';

export interface BulkSize {
  vehicles: number;
  rowsPerVehicle: number;
  rounds: number;
}

export const BULK: BulkSize = { vehicles: 20, rowsPerVehicle: 40_000, rounds: 3 };
const MEMORY_LIMIT_MB = 256;

interface Field {
  bench: Bench;
  worker: BenchWorker;
  source: RowsByVehicle;
  vehicles: string[];
  pgloader: Pgloader | { missing: string };
  classic: ClassicPipeline;
  rows: number;
}

/** A first load of a whole fleet: everything is new. Returns how many targets were missed. */
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
      vehicles: await registerFleet(bench, reader, vehicles),
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
  const four = await oursWarm(field);
  const pgloader = pgloaderMeasured(field);
  const limit: Measured = measured(
    'binary COPY, the limit',
    field,
    'one PostgreSQL backend: rows, unique index, WAL; one core',
  );
  for (let round = 1; round <= rounds; round += 1) {
    await oursOnce(field, four, 4);
    const file = await writeBinaryCopy(field.bench.ours);
    await limitOnce(field, limit, file);
    if (pgloader !== null) await pgloaderOnce(field, pgloader);
  }
  const three = measured('fleetgraph, 3 slots', field, '');
  await oursOnce(field, three, 3);
  const memory = field.worker.memory();
  const sequential = measured('classic, one after the other', field, '');
  const fourWide = measured('classic, 4 at a time', field, '');
  await classicOnce(field, sequential, 1);
  await classicOnce(field, fourWide, 4);
  const all = [four, three, ...(pgloader === null ? [] : [pgloader]), limit, sequential, fourWide];
  printMeasured(all, four, (one) => count((one.amount * 1_000) / median(one.times)), 'rows/s');
  return (
    printTargets([
      { name: 'bulk, 4 slots, against pgloader', ours: four, other: pgloader, atLeast: 1.5 },
      { name: 'bulk, 4 slots, share of the limit', ours: four, other: limit, atLeast: 0.6 },
      { name: '3 slots against the sequential pipeline', ours: three, other: sequential, atLeast: 3, hoped: 10 },
    ]) + printMemory(memory)
  );
}

const measured = (contender: string, { rows }: Field, limitedBy: string): Measured => ({
  contender,
  times: [],
  amount: rows,
  limitedBy,
});

/** The first run opens connections and warms the worker up; a worker process lives for weeks, so it is not counted. */
async function oursWarm(field: Field): Promise<Measured> {
  await oursOnce(field, measured('warm-up', field, ''), 4);
  return measured('fleetgraph, 4 slots', field, '');
}

async function oursOnce(field: Field, into: Measured, slots: number): Promise<void> {
  const { bench, worker, source } = field;
  await forgetPositions(bench);
  await settleDown(bench);
  const before = cpuSeconds(bench.stack, worker.pid);
  const { ms, runId } = await syncFleet(bench, slots);
  const cpu = cpuBetween(before, cpuSeconds(bench.stack, worker.pid));
  assertSameRows(into.contender, source, await targetRows(bench.ours, OURS));
  into.times.push(ms);
  const { client } = await bench.session.temporal();
  const stages = describeStages(await readStageTimes(client, bench.ours, runId));
  into.limitedBy = `${describeCpu(cpu, ms, cpus().length)}; ${stages}`;
}

async function limitOnce({ bench, source }: Field, into: Measured, file: string): Promise<void> {
  await bench.ours.query('TRUNCATE positions');
  await settleDown(bench);
  into.times.push(await readBinaryCopy(bench.ours, file));
  assertSameRows(into.contender, source, await targetRows(bench.ours, OURS));
}

function pgloaderMeasured(field: Field): Measured | null {
  if ('missing' in field.pgloader) {
    console.log(`pgloader is left out: ${field.pgloader.missing}`);
    return null;
  }
  return measured(`pgloader ${field.pgloader.version}, no SSH, plain table`, field, '');
}

async function pgloaderOnce({ bench, source, pgloader }: Field, into: Measured): Promise<void> {
  if ('missing' in pgloader) return;
  await pgloader.drop();
  await settleDown(bench);
  const before = cpuSeconds(bench.stack, null);
  const { ms, copyMs } = await pgloader.load();
  const cpu = cpuBetween(before, cpuSeconds(bench.stack, null));
  assertSameRows(into.contender, source, await targetRows(bench.contenders.pool, plainCopy(PGLOADER_TABLE)));
  await pgloader.drop();
  into.times.push(ms);
  into.limitedBy = `${describeCpu(renameBench(cpu, 'pgloader'), ms, cpus().length)}; its COPY alone took ${(copyMs / 1_000).toFixed(2)} s, then come the indexes`;
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
  into.limitedBy = describeCpu(renameBench(cpu, 'scp, gunzip, sed, psql'), ms, cpus().length);
}

/** What this process started for a contender is that contender's. */
function renameBench({ bench, ...rest }: ReturnType<typeof cpuSeconds>, name: string): Record<string, number> {
  return { ...rest, [name]: bench };
}

function printMemory({ peak, first, last }: MemoryUse): number {
  const flat = last <= first * 1.25 + 16;
  const small = peak < MEMORY_LIMIT_MB;
  console.log(
    `\nworker memory: ${Math.round(peak)} MB at the highest (wanted < ${MEMORY_LIMIT_MB} MB: ${small ? 'reached' : 'MISSED'}); ` +
      `first quarter ${Math.round(first)} MB, last quarter ${Math.round(last)} MB (flat: ${flat ? 'yes' : 'NO'})`,
  );
  return (small ? 0 : 1) + (flat ? 0 : 1);
}
