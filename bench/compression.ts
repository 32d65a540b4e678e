import { plainTable } from '../src/cli/run-table.ts';
import { writeSetting } from '../src/records/settings.ts';
import type { FaultProxy } from '../test/support/fault-proxy.ts';
import { type Bench, withBench } from './bench-stack.ts';
import { forgetPositions, syncFleet } from './contenders/fleet-sync.ts';
import { useUnit } from './export-unit.ts';
import { median } from './figures.ts';
import { addPositions, createLegacyDatabase, registerFleet, vehicleIds } from './legacy-positions.ts';
import { throughProxy } from './through-proxy.ts';
import { startBenchWorker } from './worker-process.ts';

export const COMPRESSION = { vehicles: 2, rowsPerVehicle: 100_000, rounds: 3 };

/** Bytes per second of each connection. */
const LINKS = [1e6, 20e6, 200e6];
const FIXED = ['zstd', 'gzip', 'lz4', 'none'] as const;
const AT_MOST = 1.1;

type Wanted = 'auto' | (typeof FIXED)[number];

/**
 * First syncs over lines of several speeds, by each way to compress and by `auto`, which knows the line from a transfer before. Returns how many
 * targets were missed: `auto` may take a tenth longer than the best.
 */
export async function compression({ vehicles, rowsPerVehicle, rounds }: typeof COMPRESSION): Promise<number> {
  return withBench({}, (bench) =>
    throughProxy(bench, async (proxy, behind) => {
      const reader = await createLegacyDatabase(bench);
      await addPositions(bench, { vehicles, from: 0, rows: rowsPerVehicle });
      await registerFleet(behind, reader, { ids: vehicleIds(vehicles) });
      const worker = await startBenchWorker(bench);
      try {
        await useUnit(bench, 'vehicle');
        let missed = 0;
        for (const bytesPerSecond of LINKS) missed += await link(bench, proxy, { bytesPerSecond, vehicles, rounds });
        return missed;
      } finally {
        await worker.stop();
      }
    }),
  );
}

async function link(
  bench: Bench,
  proxy: FaultProxy,
  { bytesPerSecond, vehicles, rounds }: { bytesPerSecond: number; vehicles: number; rounds: number },
): Promise<number> {
  proxy.set({ kind: 'rate', bytesPerSecond });
  const times = new Map<Wanted, number[]>();
  // The first run opens connections, and measures the line.
  await sync(bench, 'none', vehicles);
  for (let round = 0; round < rounds; round++) {
    for (const wanted of ['auto', ...FIXED] as const) {
      times.set(wanted, [...(times.get(wanted) ?? []), await sync(bench, wanted, vehicles)]);
    }
  }
  const [auto, best] = [median(times.get('auto')!), Math.min(...FIXED.map((wanted) => median(times.get(wanted)!)))];
  const rows = [...times].map(([wanted, of]) => [
    wanted,
    (median(of) / 1_000).toFixed(2),
    (median(of) / best).toFixed(2),
  ]);
  const head = [`${bytesPerSecond / 1e6} MB/s`, 'seconds', 'of the best'];
  console.log(`\n${plainTable(head, rows)}`);
  const reached = auto <= AT_MOST * best;
  console.log(
    `auto takes ${(auto / best).toFixed(2)} of the best (wanted ≤ ${AT_MOST}: ${reached ? 'reached' : 'MISSED'})`,
  );
  return reached ? 0 : 1;
}

async function sync(bench: Bench, wanted: Wanted, slots: number): Promise<number> {
  await writeSetting(bench.ours, 'legacy_sync.export.compression', wanted, { actor: 'bench' });
  await forgetPositions(bench);
  const { ms } = await syncFleet(bench, slots);
  return ms;
}
