import { join } from 'node:path';
import { stackStateDir } from '../src/stack/state-dir.ts';
import { withBench } from './bench-stack.ts';
import { useUnit } from './export-unit.ts';
import { installFailingDump } from './failing-dump.ts';
import { TABLE, addPositions, createLegacyDatabase, registerFleet, vehicleIds } from './legacy-positions.ts';
import { OURS, assertSameRows, sourceRows, targetRows } from './same-rows.ts';
import { slowToolsPath } from './slow-dump.ts';
import { startBenchWorker } from './worker-process.ts';

export const FAULTY = { vehicles: 1_000, rowsPerVehicle: 20, oneIn: 20 };

/** A thousand vehicle syncs at a host that loses one dump in twenty half-way: 99 % succeed, and no row is lost or doubled. */
export async function faulty({ vehicles, rowsPerVehicle, oneIn }: typeof FAULTY): Promise<number> {
  const tools = join(stackStateDir('bench'), 'failing-tools');
  return withBench({ sshdExtraConfig: [slowToolsPath(tools)] }, async (bench) => {
    const lost = installFailingDump(tools, { table: TABLE, oneIn });
    const reader = await createLegacyDatabase(bench);
    await addPositions(bench, { vehicles, from: 0, rows: rowsPerVehicle });
    await registerFleet(bench, reader, { ids: vehicleIds(vehicles) });
    await useUnit(bench, 'vehicle');
    const worker = await startBenchWorker(bench);
    try {
      const manager = await bench.session.manager();
      const run = await manager.start({ selection: { kind: 'all' }, maxWorkers: 4, requestedBy: 'bench' });
      const { completed, failed } = await run.result();
      const found = await targetRows(bench.ours, OURS);
      console.log(`${vehicles} vehicles, ${lost()} dumps lost half-way: ${completed} completed, ${failed} failed`);
      // Of those that failed, nothing may have come in part.
      const source = await sourceRows(bench.stack);
      for (const [vehicle, theirs] of found) {
        if (theirs.rows !== source.get(vehicle)?.rows) throw new Error(`vehicle ${vehicle} has ${theirs.rows} rows`);
      }
      if (failed === 0) assertSameRows('faulty', found, source);
      const reached = completed >= 0.99 * vehicles && completed + failed === vehicles;
      console.log(`${((100 * completed) / vehicles).toFixed(1)} % (wanted ≥ 99 %: ${reached ? 'reached' : 'MISSED'})`);
      return reached ? 0 : 1;
    } finally {
      await worker.stop();
    }
  });
}
