import { settleDown, type Bench } from './bench-stack.ts';
import { forgetPositions, syncFleet } from './contenders/fleet-sync.ts';
import { type Pgloader, PGLOADER_TABLE } from './contenders/pgloader.ts';
import { cpuBetween, cpuSeconds, describeCpu } from './cpu-seconds.ts';
import { type ExportUnit, useUnit } from './export-unit.ts';
import type { CpuMeasured } from './figures.ts';
import { OURS, type RowsByVehicle, assertSameRows, plainCopy, targetRows } from './same-rows.ts';
import { describeStages, readStageTimes } from './stage-times.ts';
import type { BenchWorker } from './worker-process.ts';

/** A legacy table that has not been synced yet, and the contenders that load it. */
export interface FirstSync {
  bench: Bench;
  worker: BenchWorker;
  source: RowsByVehicle;
  pgloader: Pgloader | { missing: string };
  rows: number;
}

export const measured = (contender: string, { rows }: Pick<FirstSync, 'rows'>, limitedBy = ''): CpuMeasured => ({
  contender,
  times: [],
  cpu: [],
  amount: rows,
  limitedBy,
});

/** Runs one round of ours from an empty table, and compares the rows. */
export async function oursOnce(
  { bench, worker, source }: FirstSync,
  into: CpuMeasured,
  { slots, unit }: { slots: number; unit: ExportUnit },
): Promise<void> {
  await forgetPositions(bench);
  await useUnit(bench, unit);
  await settleDown(bench);
  const before = cpuSeconds(bench.stack, worker.pid);
  const { ms, runId } = await syncFleet(bench, slots);
  const cpu = cpuBetween(before, cpuSeconds(bench.stack, worker.pid));
  assertSameRows(into.contender, source, await targetRows(bench.ours, OURS));
  into.times.push(ms);
  into.cpu.push(cpu);
  const { client } = await bench.session.temporal();
  const stages = unit === 'vehicle' ? `; ${describeStages(await readStageTimes(client, bench.ours, runId))}` : '';
  into.limitedBy = `${describeCpu(cpu, ms)}${stages}`;
}

/** Returns null, and prints why, when there is no pgloader. */
export function pgloaderMeasured(field: FirstSync): CpuMeasured | null {
  if (!('missing' in field.pgloader)) {
    return measured(`pgloader ${field.pgloader.version}, no SSH, plain table`, field);
  }
  console.log(`pgloader is left out: ${field.pgloader.missing}`);
  return null;
}

export async function pgloaderOnce({ bench, source, pgloader }: FirstSync, into: CpuMeasured): Promise<void> {
  if ('missing' in pgloader) return;
  await pgloader.drop();
  await settleDown(bench);
  const before = cpuSeconds(bench.stack, null);
  const { ms, copyMs } = await pgloader.load();
  const cpu = cpuBetween(before, cpuSeconds(bench.stack, null));
  assertSameRows(into.contender, source, await targetRows(bench.contenders.pool, plainCopy(PGLOADER_TABLE)));
  await pgloader.drop();
  into.times.push(ms);
  into.cpu.push(cpu);
  into.limitedBy = `${describeCpu(cpu, ms, 'pgloader')}; its COPY alone took ${(copyMs / 1_000).toFixed(2)} s, then come the indexes`;
}
