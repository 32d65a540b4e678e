import { expect, test } from '@jest/globals';
import { countClaims } from '../../src/records/vehicle-claims.ts';
import { listVehicleOverviews } from '../../src/records/vehicle-overview.ts';
import { claimedInRun, listVehicleSyncs } from '../../src/records/vehicle-syncs.ts';
import { addServer, fleetDatabase, fleetOf, readTogether, slotOf, startRun } from '../support/fleet-fixture.ts';

const pool = fleetDatabase();

test('vehicles of a read are shown in the stage and the slice that brings them, and claim no slot of their own', async () => {
  await addServer(pool(), 'depot-1', { count: 4 });
  const fleet = fleetOf(pool());
  const runId = await startRun(fleet);
  await readTogether(pool(), runId, { vehicleIds: ['1', '2', '3'], ends: [4, 10] });
  await slotOf(fleet, runId, 1).claimSlice();
  await slotOf(fleet, runId, 2).claimSlice();
  await slotOf(fleet, runId, 3).claim();
  await pool().query(`UPDATE table_slices SET status = 'importing' WHERE number = 1`);
  await pool().query('UPDATE vehicle_syncs SET read_slice = 1, rows = 4 WHERE vehicle_id = 2');

  expect(await countClaims(pool())).toBe(3);
  const slice = { serverId: 'depot-1', table: 'positions', of: 2 };
  expect(await claimedInRun(pool(), runId)).toMatchObject([
    { slot: 1, status: 'importing', vehicle: null, slice: { ...slice, number: 1 }, plannedRows: 10 },
    { slot: 2, status: 'idle', vehicle: null, slice: { ...slice, number: 2 } },
    { slot: 3, vehicle: { vehicleId: '4', label: 'bus 4' }, slice: null },
  ]);
  const page = { limit: 10, after: null, state: null, status: null };
  const shown = await listVehicleSyncs(pool(), runId, { ...page, status: 'importing' });
  expect(shown).toMatchObject([
    { vehicleId: '1', status: 'importing', slot: null, slice: null },
    { vehicleId: '2', status: 'importing', slice: { ...slice, number: 1 }, rows: 4 },
    { vehicleId: '3', status: 'importing' },
  ]);
  const [overview] = await listVehicleOverviews(pool(), { limit: 1, after: null });
  expect(overview?.lastRun).toMatchObject({ runId, status: 'importing' });
});
