import { join } from 'node:path';
import { writeSetting } from '../src/records/settings.ts';
import { stackStateDir } from '../src/stack/state-dir.ts';
import type { Fault } from '../test/support/fault-proxy.ts';
import { type Bench, withBench } from './bench-stack.ts';
import { forgetPositions, syncFleet } from './contenders/fleet-sync.ts';
import { useUnit } from './export-unit.ts';
import { installFailingDump } from './failing-dump.ts';
import { median } from './figures.ts';
import { TABLE, addPositions, createLegacyDatabase, registerFleet, vehicleIds } from './legacy-positions.ts';
import { OURS, assertSameRows, sourceRows, targetRows } from './same-rows.ts';
import { slowToolsPath } from './slow-dump.ts';
import { throughProxy } from './through-proxy.ts';
import { startBenchWorker } from './worker-process.ts';

export const FAR = { vehicles: 40, rowsPerVehicle: 200, rounds: 3 };
export const FAULTY = { vehicles: 1_000, rowsPerVehicle: 20, oneIn: 20 };

interface Case {
  name: string;
  fault: Fault;
  slots: number;
  atLeast: number;
  vehicles: number;
  rowsPerVehicle: number;
}

/**
 * What more slots bring where the machine is not what limits: at a host with 50 ms added to each round trip, and on a line that gives each transfer
 * 50 kB a second. Returns how many targets were missed.
 */
export async function far({ vehicles, rowsPerVehicle, rounds }: typeof FAR): Promise<number> {
  const cases: Case[] = [
    {
      name: '50 ms more per round trip',
      fault: { kind: 'latency', ms: 25 },
      slots: 5,
      atLeast: 4.75,
      vehicles,
      rowsPerVehicle,
    },
    {
      name: 'paced transfers',
      fault: { kind: 'rate', bytesPerSecond: 50_000 },
      slots: 3,
      atLeast: 2.85,
      vehicles: 6,
      rowsPerVehicle: 25_000,
    },
  ];
  let missed = 0;
  for (const each of cases) missed += await withBench({}, (bench) => slotsAgainstOne(bench, each, rounds));
  return missed;
}

async function slotsAgainstOne(bench: Bench, each: Case, rounds: number): Promise<number> {
  const { name, fault, slots, atLeast, vehicles, rowsPerVehicle } = each;
  return throughProxy(bench, async (proxy, behind) => {
    const reader = await createLegacyDatabase(bench);
    await addPositions(bench, { vehicles, from: 0, rows: rowsPerVehicle });
    await registerFleet(behind, reader, { ids: vehicleIds(vehicles) });
    await useUnit(bench, 'vehicle');
    // As many places there as slots, and a line of its own for each transfer.
    await set(bench, 'transfer.concurrent_limit', slots);
    await set(bench, 'ssh.sessions_per_connection', 1);
    await set(bench, 'ssh.connection_pool_size', 2 * slots);
    proxy.set(fault);
    const worker = await startBenchWorker(bench);
    const once = async (number: number): Promise<number> => {
      await forgetPositions(bench);
      return (await syncFleet(bench, number)).ms;
    };
    try {
      // The first run opens connections.
      await once(slots);
      const [one, many]: [number[], number[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        many.push(await once(slots));
        one.push(await once(1));
      }
      const ratio = median(one) / median(many);
      const reached = ratio >= atLeast;
      console.log(
        `${name}: one slot ${(median(one) / 1_000).toFixed(2)} s, ${slots} slots ${(median(many) / 1_000).toFixed(2)} s: ` +
          `${ratio.toFixed(2)} × (wanted ≥ ${atLeast}: ${reached ? 'reached' : 'MISSED'})`,
      );
      return reached ? 0 : 1;
    } finally {
      await worker.stop();
    }
  });
}

const set = (bench: Bench, key: string, value: number): Promise<void> =>
  writeSetting(bench.ours, `legacy_sync.${key}`, String(value), { actor: 'bench' });

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
