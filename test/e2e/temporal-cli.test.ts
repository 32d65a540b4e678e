import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { type Fleet, openFleet, untilStage } from '../support/fleet.ts';
import { expectInvariants } from '../support/invariants.ts';

/** The documented form, to the letter. */
const START = [
  'workflow start --type fleetSync --task-queue legacy-sync --workflow-id fleet-sync/all --id-conflict-policy UseExisting --input'.split(
    ' ',
  ),
  '{"selection":{"kind":"all"}}',
].flat();

let fleet: Fleet;
let link: FaultProxy;
let runId = '';

beforeAll(async () => {
  fleet = await openFleet({ settings: { 'export.compression': 'none', 'transfer.stream_max_bytes': 0 } });
  await fleet.addVehicles(2, { rows: 8_000, padding: 500 });
  link = await fleet.linkToHost();
  link.set({ kind: 'rate', bytesPerSecond: 150_000 });
  await fleet.startWorker();
}, 60_000);
afterAll(() => fleet.close());

test('the documented temporal command starts a sync, and joins it the second time', async () => {
  const started = await fleet.temporal(...START);
  expect(started).toMatchObject({ status: 0 });
  runId = /RunId\s+(\S+)/.exec(started.stdout)?.[1] ?? '';
  expect((await fleet.temporal(...START)).stdout).toContain(runId);
  await untilStage(fleet, runId, 'transferring', '1');
});

test('workflow describe prints stage, rows and percent of a vehicle: its heartbeat', async () => {
  await eventually(
    async () => {
      const { stdout } = await fleet.temporal('workflow', 'describe', '-w', 'vehicle-sync/1');
      expect(stdout).toMatch(/"?status"?:\s*"?transferring/);
      expect(stdout).toMatch(/"?bytes"?:\s*[1-9]/);
      expect(stdout).toMatch(/"?rows"?:\s*\d/);
      expect(stdout).toMatch(/"?percent"?:\s*\d/);
    },
    // The first heartbeats are throttled to one in three seconds.
    { withinMs: 15_000, everyMs: 500 },
  );
});

test('workflow metadata prints vehicle, slot and stage', async () => {
  const { stdout } = await fleet.temporal('workflow', 'metadata', '-w', 'vehicle-sync/1');
  expect(stdout).toMatch(/bus-1/);
  expect(stdout).toMatch(/worker slot [123]/);
  expect(stdout).toMatch(/loading range 1/);
});

test('the projection is at most two seconds behind', async () => {
  for (let look = 1; look <= 10; look += 1) {
    const { workers } = await fleet.manager.status(runId);
    const slot = workers.find(({ vehicleId }) => vehicleId === '1');
    expect(slot).toMatchObject({ status: 'transferring', label: 'bus-1', plannedRows: 8_000 });
    expect(Date.now() - Date.parse(slot!.updatedAt)).toBeLessThanOrEqual(2_000);
    await sleep(200);
  }
});

test('the run ends whole, and search attributes find its syncs by vehicle', async () => {
  link.set({ kind: 'pass' });
  const result = await fleet.client.workflow.getHandle('fleet-sync/all', runId).result();
  expect(result).toMatchObject({ runId, completed: 2, failed: 0, rows: 16_000 });
  await expectInvariants(fleet, ['1', '2']);
  const query = `VehicleId = '2' AND FleetRun = '${runId}'`;
  const { stdout } = await fleet.temporal('workflow', 'list', '--query', query);
  expect(stdout).toMatch(/vehicle-sync\/2/);
  expect(stdout).not.toMatch(/vehicle-sync\/1/);
});
