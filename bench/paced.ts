import { join } from 'node:path';
import { stackStateDir } from '../src/stack/state-dir.ts';
import { withBench } from './bench-stack.ts';
import { forgetPositions, syncFleet } from './contenders/fleet-sync.ts';
import { type Measured, median, printMeasured } from './figures.ts';
import { addPositions, createLegacyDatabase, registerFleet, vehicleIds } from './legacy-positions.ts';
import { installSlowDump, slowToolsPath } from './slow-dump.ts';
import { startBenchWorker } from './worker-process.ts';

/** The spec's example, with a second for a minute: three vehicles that take 10, 8 and 12. */
const PACE_SECONDS = [10, 8, 12];
const ROWS = 2_000;
const WITHIN_SECONDS = 13;

/**
 * Checks that three slow vehicles side by side take as long as the slowest, not as long as all together. They are slow because the
 * mysqldump on the legacy host's PATH waits before it dumps. Returns how many targets were missed.
 */
export async function paced(): Promise<number> {
  // The folder is made later, when the servers are up, and before the first login through this sshd.
  const tools = join(stackStateDir('bench'), 'slow-tools');
  return withBench({ sshdExtraConfig: [slowToolsPath(tools)] }, async (bench) => {
    const tables = PACE_SECONDS.map((_, index) => `vehicle_${index + 1}`);
    installSlowDump(
      tools,
      tables.map((table, index) => ({ table, seconds: PACE_SECONDS[index]! })),
    );
    const reader = await createLegacyDatabase(bench, tables);
    for (const table of tables) await addPositions(bench, { vehicles: 1, from: 0, rows: ROWS, table });
    await registerFleet(bench, reader, { ids: vehicleIds(tables.length), tables });
    console.log(`paced: ${tables.length} vehicles whose dumps take ${PACE_SECONDS.join(', ')} s`);
    const worker = await startBenchWorker(bench);
    try {
      const once = async (slots: number): Promise<Measured> => {
        await forgetPositions(bench);
        const { ms } = await syncFleet(bench, slots);
        const { rows } = await bench.ours.query<{ rows: number }>('SELECT count(*)::int AS rows FROM positions');
        if (rows[0]?.rows !== tables.length * ROWS) throw new Error(`paced: ${rows[0]?.rows} rows were loaded`);
        return {
          contender: `fleetgraph, ${slots} slot${slots === 1 ? '' : 's'}`,
          times: [ms],
          amount: 3,
          limitedBy: '',
        };
      };
      const three = { ...(await once(3)), limitedBy: `the slowest vehicle's dump, ${Math.max(...PACE_SECONDS)} s` };
      const one = { ...(await once(1)), limitedBy: `the sum of the dumps, ${PACE_SECONDS.reduce((a, b) => a + b)} s` };
      return report(three, one);
    } finally {
      await worker.stop();
    }
  });
}

function report(three: Measured, one: Measured): number {
  printMeasured([three, one], three, (each) => (median(each.times) / each.amount).toFixed(0), 'ms per vehicle');
  const seconds = median(three.times) / 1_000;
  const reached = seconds <= WITHIN_SECONDS;
  console.log(`\n3 slots: ${seconds.toFixed(2)} s (wanted ≤ ${WITHIN_SECONDS} s: ${reached ? 'reached' : 'MISSED'})`);
  return reached ? 0 : 1;
}
