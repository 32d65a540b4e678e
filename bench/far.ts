import { writeSetting } from '../src/records/settings.ts';
import type { Fault } from '../test/support/fault-proxy.ts';
import { type Bench, settleDown, withBench } from './bench-stack.ts';
import { forgetPositions, syncFleet } from './contenders/fleet-sync.ts';
import { cpuBetween, cpuSeconds, describeCpu } from './cpu-seconds.ts';
import { useUnit } from './export-unit.ts';
import { addPositions, createLegacyDatabase, registerFleet, vehicleIds } from './legacy-positions.ts';
import { type RunPhases, describePhases, medianPhases, readRunPhases } from './run-phases.ts';
import { throughProxy } from './through-proxy.ts';
import { type BenchWorker, startBenchWorker } from './worker-process.ts';

/** `few`: a fleet so small that the fixed part of a run counts; the two sizes together tell it from what a vehicle takes. */
export const FAR = { vehicles: 200, few: 40, rowsPerVehicle: 200, rounds: 3 };
export const FAR_CASES = ['streamed', 'by-file', 'paced'] as const;
type FarCase = (typeof FAR_CASES)[number];

interface Case {
  only: FarCase;
  name: string;
  fault: Fault;
  slots: number;
  atLeast: number;
  /** Ascending; the target is the largest fleet's. */
  fleets: number[];
  rowsPerVehicle: number;
  /** legacy_sync.transfer.stream_max_bytes; null: as it is. 0: every dump is a file on the host first. */
  streamMaxBytes: number | null;
}

/**
 * What more slots bring where the machine is not what limits: at a host with 50 ms added to each round trip, and on a line that gives each transfer
 * 50 kB a second. Returns how many targets were missed.
 */
export async function far(
  { vehicles, few, rowsPerVehicle, rounds }: typeof FAR,
  only: FarCase | null,
): Promise<number> {
  const host = {
    fault: { kind: 'latency', ms: 25 },
    slots: 5,
    atLeast: 4.75,
    fleets: [few, vehicles],
    rowsPerVehicle,
  } as const;
  const cases: Case[] = [
    {
      ...host,
      only: 'streamed',
      name: '50 ms more per round trip, streamed',
      fleets: [...host.fleets],
      streamMaxBytes: null,
    },
    {
      ...host,
      only: 'by-file',
      name: '50 ms more per round trip, by file',
      fleets: [...host.fleets],
      streamMaxBytes: 0,
    },
    {
      only: 'paced',
      name: 'paced transfers',
      fault: { kind: 'rate', bytesPerSecond: 50_000 },
      slots: 3,
      atLeast: 2.85,
      fleets: [6],
      rowsPerVehicle: 25_000,
      streamMaxBytes: null,
    },
  ];
  let missed = 0;
  for (const each of cases.filter((one) => only === null || one.only === only))
    missed += await withBench({}, (bench) => slotsAgainstOne(bench, each, rounds));
  return missed;
}

async function slotsAgainstOne(bench: Bench, each: Case, rounds: number): Promise<number> {
  const { fault, slots, fleets, rowsPerVehicle, streamMaxBytes } = each;
  return throughProxy(bench, async (proxy, behind) => {
    const reader = await createLegacyDatabase(bench);
    await addPositions(bench, { vehicles: fleets.at(-1)!, from: 0, rows: rowsPerVehicle });
    await registerFleet(behind, reader, { ids: vehicleIds(fleets.at(-1)!) });
    await useUnit(bench, 'vehicle');
    // As many places there as slots, and a line of its own for each transfer.
    await set(bench, 'transfer.concurrent_limit', slots);
    await set(bench, 'ssh.sessions_per_connection', 1);
    await set(bench, 'ssh.connection_pool_size', 2 * slots);
    if (streamMaxBytes !== null) await set(bench, 'transfer.stream_max_bytes', streamMaxBytes);
    proxy.set(fault);
    const worker = await startBenchWorker(bench);
    const field = { bench, worker, rowsPerVehicle };
    try {
      // The first run opens connections.
      await once(field, slots, fleets[0]!);
      const found = new Map<string, RunPhases[]>();
      for (let round = 0; round < rounds; round += 1) {
        for (const fleet of fleets) {
          for (const number of [slots, 1]) {
            const phases = await once(field, number, fleet);
            found.set(`${fleet} ${number}`, [...(found.get(`${fleet} ${number}`) ?? []), phases]);
          }
        }
      }
      return report(each, (fleet, number) => medianPhases(found.get(`${fleet} ${number}`) ?? []));
    } finally {
      await worker.stop();
    }
  });
}

/** Syncs the first so many vehicles anew. */
async function once(
  { bench, worker, rowsPerVehicle }: { bench: Bench; worker: BenchWorker; rowsPerVehicle: number },
  slots: number,
  vehicles: number,
): Promise<RunPhases> {
  await forgetPositions(bench);
  await settleDown(bench);
  const before = cpuSeconds(bench.stack, worker.pid);
  const { ms, runId } = await syncFleet(bench, slots, { kind: 'first', count: vehicles });
  const cpu = cpuBetween(before, cpuSeconds(bench.stack, worker.pid));
  const { rows } = await bench.ours.query<{ rows: number }>('SELECT count(*)::int AS rows FROM positions');
  if (rows[0]?.rows !== vehicles * rowsPerVehicle) throw new Error(`far: ${rows[0]?.rows} rows were loaded`);
  const phases = await readRunPhases(bench.ours, runId, ms);
  console.log(
    `  ${vehicles} vehicles, ${slots} slots: ${describePhases(phases)}; ${describeCpu(cpu, ms, 'bench and proxy')}`,
  );
  return phases;
}

function report({ name, slots, atLeast, fleets }: Case, of: (fleet: number, slots: number) => RunPhases): number {
  let reached = false;
  for (const fleet of fleets) {
    const [one, many] = [of(fleet, 1), of(fleet, slots)];
    const ratio = one.totalMs / many.totalMs;
    reached = ratio >= atLeast;
    console.log(
      `${name}, ${fleet} vehicles: one slot ${(one.totalMs / 1_000).toFixed(2)} s, ${slots} slots ${(many.totalMs / 1_000).toFixed(2)} s: ` +
        `${ratio.toFixed(2)} × (wanted ≥ ${atLeast}: ${reached ? 'reached' : 'MISSED'})`,
    );
  }
  const [few, all] = [fleets[0]!, fleets.at(-1)!];
  if (few === all) return reached ? 0 : 1;
  for (const number of [1, slots]) {
    const perVehicle = (of(all, number).totalMs - of(few, number).totalMs) / (all - few);
    const fixed = of(few, number).totalMs - few * perVehicle;
    console.log(`  ${number} slots: ${fixed.toFixed(0)} ms of a run and ${perVehicle.toFixed(1)} ms of each vehicle`);
  }
  return reached ? 0 : 1;
}

const set = (bench: Bench, key: string, value: number): Promise<void> =>
  writeSetting(bench.ours, `legacy_sync.${key}`, String(value), { actor: 'bench' });
