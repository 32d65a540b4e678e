import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startReconciliation } from '../../src/client/reconciliations.ts';
import { findReconciliation } from '../../src/records/reconciliations.ts';
import { insertVehicle } from '../../src/records/vehicles.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, SERVER_ID, TABLE, openFleet } from '../support/fleet.ts';
import type { FleetWorker } from '../support/fleet-worker.ts';

const VEHICLES = 10;
const ROWS = 20_000;
/** A dump of a vehicle has 30 MB, and all of them are worked on at once. */
const ROW_BYTES = 1_500;

let fleet: Fleet;
let worker: FleetWorker;

beforeAll(async () => {
  fleet = await openFleet({
    settings: {
      'worker_pool.max_workers': VEHICLES,
      'server.max_concurrent_vehicles': VEHICLES,
      'transfer.concurrent_limit': VEHICLES,
      'database.pool_size': VEHICLES,
      'transfer.method': 'sftp',
      'export.compression': 'none',
    },
  });
  const statements = Array.from(
    { length: VEHICLES },
    (_, at) => `INSERT INTO ${TABLE} (vehicle_id, device_time, latitude, longitude, speed, note)
      SELECT ${at + 1}, '2025-01-01' + INTERVAL seq SECOND, 62, 129, 1, REPEAT(CHAR(97 + seq % 26), ${ROW_BYTES}) FROM seq_1_to_${ROWS};`,
  );
  await fleet.legacy.query(statements.join('\n'));
  for (let id = 1; id <= VEHICLES; id += 1) {
    const vehicle = { id: String(id), label: `bus-${id}`, serverId: SERVER_ID, table: TABLE };
    await insertVehicle(fleet.pool, { ...vehicle, legacyVehicleId: String(id) }, fleet.server);
  }
  worker = await fleet.startWorker();
}, 120_000);
afterAll(() => fleet?.close());

const memoryMb = (key: 'VmRSS' | 'VmHWM'): number => {
  const status = readFileSync(`/proc/${worker.pid}/status`, 'utf8');
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
};

/** Beside what the process has when it works on nothing. With buffers of one size for every limit it takes 100 to 120 MB. */
const ROOM_MB = 80;

test('very large vehicles on every slot do not take a worker process above its memory', async () => {
  const limitMb = Math.ceil(memoryMb('VmRSS') + ROOM_MB);
  await fleet.set({ 'resource_limits.max_memory_mb': limitMb });
  const run = await fleet.start();
  expect(await run.result()).toMatchObject({ completed: VEHICLES, failed: 0, rows: VEHICLES * ROWS });
  expect(memoryMb('VmHWM')).toBeLessThanOrEqual(limitMb);
}, 180_000);

const CPU_PERCENT = 15;
const TICKS_PER_SECOND = 100;

/** CPU seconds that the process has taken so far. */
function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${worker.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Of all cores, in percent, over ten seconds. */
async function cpuShare(): Promise<number> {
  const [at, used] = [performance.now(), cpuSeconds()];
  await sleep(10_000);
  return (100 * (cpuSeconds() - used)) / (((performance.now() - at) / 1_000) * availableParallelism());
}

test('a comparison takes no more than five points above the share of the CPU that imports have', async () => {
  await fleet.set({ 'resource_limits.max_memory_mb': 4_096, 'resource_limits.max_cpu_percent': CPU_PERCENT });
  let over = false;
  const compared = (async () => {
    for (;;) {
      const started = await startReconciliation(fleet.client, { selection: { kind: 'all' }, requestedBy: 'test' });
      await started.result();
      const found = await findReconciliation(fleet.pool, started.reconciliationId);
      expect(found).toMatchObject({
        state: 'completed',
        targetRows: VEHICLES * ROWS,
        missing: 0,
        changed: 0,
        extra: 0,
      });
      if (over) return;
    }
  })();
  await eventually(async () => {
    const { rows } = await fleet.pool.query(`SELECT FROM reconciliations WHERE state = 'running'`);
    expect(rows).toHaveLength(1);
  });
  const share = await cpuShare();
  over = true;
  await fleet.set({ 'resource_limits.max_cpu_percent': 100 });
  await compared;
  expect(share).toBeLessThanOrEqual(CPU_PERCENT + 5);
}, 180_000);
